import numpy as np


def handler(event, context):
    return {"curve": str(list(np.cumsum(event["sales"])))}
