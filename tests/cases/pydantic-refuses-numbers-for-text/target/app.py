from pydantic import BaseModel, ValidationError


class Order(BaseModel):
    id: str
    customer: str


def handler(event, context):
    failures = []
    for record in event["Records"]:
        try:
            order = Order.parse_raw(record["body"])
            print("packed", order.id, "for", order.customer)
        except ValidationError:
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
