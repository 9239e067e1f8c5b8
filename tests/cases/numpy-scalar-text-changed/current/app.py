import numpy as np


def handler(event, context):
    return {"curve": str(np.cumsum(event["sales"]).tolist())}
