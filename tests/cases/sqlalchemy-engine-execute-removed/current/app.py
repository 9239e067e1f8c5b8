from sqlalchemy import create_engine, text

engine = create_engine("sqlite://")


def handler(event, context):
    with engine.connect() as connection:
        query = text("select 12 as quantity where 'tea' = :sku")
        row = connection.execute(query, {"sku": event["sku"]}).first()
    return {"sku": event["sku"], "quantity": row.quantity}
