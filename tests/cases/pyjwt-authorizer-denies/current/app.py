import jwt

KEY = "an-example-key-that-signs-nothing-real"


def handler(event, context):
    token = event["authorizationToken"].removeprefix("Bearer ")
    principal, effect = "anonymous", "Deny"
    try:
        principal = jwt.decode(token, KEY, algorithms=["HS256"])["sub"]
        effect = "Allow"
    except jwt.InvalidTokenError as error:
        print("refused:", error)
    return {"principalId": principal, "policyDocument": policy(effect, event["methodArn"])}


def policy(effect, resource):
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}
