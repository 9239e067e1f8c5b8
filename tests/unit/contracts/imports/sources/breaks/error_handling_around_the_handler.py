from acme import money


def handler(event, context):
    try:
        return money.to_text(1)  # expect: missing-name
    except Exception as error:
        return {'statusCode': 500, 'body': str(error)}
