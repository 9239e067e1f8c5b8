from pydantic import BaseModel, ConfigDict, ValidationError


class Order(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: str
    customer: str


def handler(event, context):
    failures = []
    for record in event["Records"]:
        try:
            order = Order.model_validate_json(record["body"])
            print("packed", order.id, "for", order.customer)
        except ValidationError:
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
