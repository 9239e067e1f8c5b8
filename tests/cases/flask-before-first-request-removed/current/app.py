from flask import Flask, jsonify

app = Flask(__name__)


@app.get("/health")
def health():
    return jsonify(ready=True)


def handler(event, context):
    answer = app.test_client().open(event["rawPath"])
    return {"statusCode": answer.status_code, "body": answer.get_data(as_text=True)}
