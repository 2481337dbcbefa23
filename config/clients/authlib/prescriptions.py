"""Signing people in at Aldgate with Authlib and Flask by the rules of the profile "nhs": RS512, vectors of trust.

`aldgate = register(app)` once; `aldgate.authorize_redirect(REDIRECT_URI)` for each sign-in, and where it comes back
`aldgate.authorize_access_token()`, which verifies the ID token. `session()` is for what needs no person: introspection,
revocation, tokens of the service's own.
"""

from pathlib import Path

from authlib.integrations.flask_client import OAuth
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import RSAKey

ISSUER = "https://login.example.org"
CLIENT_ID = "prescriptions"
REDIRECT_URI = "https://service.example.org/callback"
KEY = RSAKey.import_key(Path("/etc/service/prescriptions.key").read_text())
PROOF = PrivateKeyJWT(alg="RS512")
SETTINGS = {
    "scope": "openid profile email",
    "code_challenge_method": "S256",
    "token_endpoint_auth_method": "private_key_jwt",
    "revocation_endpoint_auth_method": "private_key_jwt",
}


def register(app):
    return OAuth(app).register(
        "aldgate",
        client_id=CLIENT_ID,
        client_secret=KEY,
        client_auth_methods=[PROOF],
        client_kwargs=SETTINGS,
        server_metadata_url=f"{ISSUER}/.well-known/openid-configuration",
        authorize_params={"vtr": '["P0.Cm","P0.Cp"]'},
    )


def session():
    session = OAuth2Session(CLIENT_ID, KEY, **{**SETTINGS, "scope": None})
    session.register_client_auth_method(PROOF)
    return session
