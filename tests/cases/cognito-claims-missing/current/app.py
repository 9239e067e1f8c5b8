def handler(event, context):
    print("sign in of", event["userName"])
    tenant = event["request"]["userAttributes"]["custom:tenant"]
    event["response"]["claimsOverrideDetails"] = {"claimsToAddOrOverride": {"tenant": tenant}}
    return event
