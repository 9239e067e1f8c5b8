ACCOUNTS = {"CARD": 1200, "INVOICE": 1400}


def handler(event, context):
    refund = event["detail"]["refund"]
    return {"account": ACCOUNTS[refund["method"]], "amount": refund["amount"]}
