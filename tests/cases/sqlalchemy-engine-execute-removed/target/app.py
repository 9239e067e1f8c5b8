from sqlalchemy import create_engine

engine = create_engine("sqlite://")


def handler(event, context):
    row = engine.execute("select 12 as quantity where 'tea' = ?", (event["sku"],)).first()
    return {"sku": event["sku"], "quantity": row.quantity}
