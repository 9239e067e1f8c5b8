import numpy as np


def handler(event, context):
    return {"mean": float(np.array(event["sales"], dtype=np.float64).mean())}
