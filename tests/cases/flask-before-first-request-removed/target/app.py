from flask import Flask, jsonify

app = Flask(__name__)
state = {"ready": False}


@app.before_first_request
def warm_up():
    state["ready"] = True


@app.get("/health")
def health():
    return jsonify(state)


def handler(event, context):
    answer = app.test_client().open(event["rawPath"])
    return {"statusCode": answer.status_code, "body": answer.get_data(as_text=True)}
