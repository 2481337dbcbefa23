"""A service that people sign in to, made with Authlib, Flask and the settings of a sample in `config/clients`, beside
which it stands; nothing of ours.

    python authlib_service.py SAMPLE PORT

/           leads a browser to the provider; /callback takes the answer, and Authlib verifies the ID token
/use        asks what the tokens are worth, refreshes them where that is possible, ends them, and asks again
/machine    gets a token for the service itself
/sign-out   leads a browser to the provider to be signed out; /signed-out is where it comes back

What it has learnt stands in its pages as JSON. It says "listening" once it is ready.
"""

import importlib
import json
import logging
import secrets
import sys

from authlib.common.errors import AuthlibBaseError
from flask import Flask, request
from joserfc.errors import JoseError
from requests import HTTPError
from werkzeug.serving import make_server

sample, port = importlib.import_module(sys.argv[1]), int(sys.argv[2])
logging.getLogger("werkzeug").setLevel(logging.ERROR)  # Its lines hold codes.
app = Flask(__name__)
app.secret_key = secrets.token_bytes(32)
aldgate = sample.register(app)
kept = {}  # What the last person's sign-in gave.


def page(title, learnt):
    return (
        f'<!DOCTYPE html><html lang="en"><title>{title}</title><h1>{title}</h1>'
        f'<pre id="learnt">{json.dumps(learnt)}</pre>'
    )


def attempt(doing):
    """What it gives, or how it is refused."""
    try:
        return doing()
    except AuthlibBaseError as error:
        return {"error": error.error}
    except HTTPError as error:
        return {"error": error.response.headers.get("www-authenticate", str(error))}


def at(name):
    return aldgate.load_server_metadata()[name]


def worth(token):
    return sample.session().introspect_token(at("introspection_endpoint"), token=token).json()


def userinfo():
    return attempt(lambda: aldgate.userinfo(token=kept["token"]))


def refresh(token):
    return sample.session().refresh_token(at("token_endpoint"), refresh_token=token)


@app.get("/")
def begin():
    return aldgate.authorize_redirect(sample.REDIRECT_URI, **request.args)


@app.get("/callback")
def finish():
    token = aldgate.authorize_access_token()
    kept["token"] = token
    learnt = {"claims": token["userinfo"], "scope": token["scope"], "refreshes": "refresh_token" in token}
    return page("Welcome to the service", {**learnt, "userinfo": userinfo()})


@app.get("/use")
def use():
    learnt = {"before": worth(kept["token"]["access_token"])}
    before = kept["token"].get("refresh_token")
    if before:
        kept["token"] = refresh(before)
        learnt["refreshed"] = userinfo()
    last = kept["token"].get("refresh_token") or kept["token"]["access_token"]
    learnt["revoked"] = sample.session().revoke_token(at("revocation_endpoint"), token=last).status_code
    learnt["after"] = worth(kept["token"]["access_token"])
    learnt["userinfo"] = userinfo()
    if before:
        learnt["again"] = attempt(lambda: refresh(last))
    return page("What it is worth", learnt)


@app.get("/machine")
def machine():
    asked = {"grant_type": "client_credentials", "scope": request.args["scope"]}
    own = attempt(lambda: sample.session().fetch_token(at("token_endpoint"), **asked))
    told = own if "error" in own else {"scope": own["scope"], "worth": worth(own["access_token"])}
    return page("The service itself", told)


@app.get("/sign-out")
def sign_out():
    bye = sample.REDIRECT_URI.replace("/callback", "/signed-out")
    return aldgate.logout_redirect(post_logout_redirect_uri=bye, id_token_hint=kept["token"]["id_token"])


@app.get("/signed-out")
def signed_out():
    return page("You have left the service", aldgate.validate_logout_response())


@app.errorhandler(AuthlibBaseError)
@app.errorhandler(JoseError)
def refused(error):
    return page("You did not get in", {"error": error.error, "description": error.description})


server = make_server("127.0.0.1", port, app, threaded=True)
print("listening", flush=True)
server.serve_forever()
