from flask import Flask, Markup, escape

app = Flask(__name__)


@app.get("/<name>")
def greet(name):
    return Markup("<p>{}</p>").format(escape(name))


def handler(event, context):
    return {"html": app.test_client().get("/" + event["name"]).get_data(as_text=True)}
