def seed(session):
    client = session.client("dynamodb")
    client.create_table(
        TableName="customers",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    customers = session.resource("dynamodb").Table("customers")
    customers.put_item(Item={"id": "c-1", "name": "Ann", "address": "1 Old Road, Cork"})
    customers.put_item(Item={"id": "c-2", "name": "Bob", "address": "9 Old Road, Cork"})
