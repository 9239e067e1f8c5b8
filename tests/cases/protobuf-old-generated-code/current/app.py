import orders_pb2


def handler(event, context):
    return {"bytes": orders_pb2.Order(id=event["id"]).SerializeToString().hex()}
