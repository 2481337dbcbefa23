"""Signing people in at Aldgate with Authlib and Flask by the rules of the profile "cross-government": ES256, a name of
its own for each person, no refresh tokens.

`aldgate = register(app)` once; `aldgate.authorize_redirect(REDIRECT_URI)` for each sign-in, and where it comes back
`aldgate.authorize_access_token()`, which verifies the ID token. `session()` is for what needs no person: introspection,
revocation, tokens of the service's own.
"""

from pathlib import Path

from authlib.integrations.flask_client import OAuth
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT, private_key_jwt_sign
from joserfc.jwk import ECKey

ISSUER = "https://login.example.org"
CLIENT_ID = "passports"
REDIRECT_URI = "https://service.example.org/callback"
KEY = ECKey.import_key(Path("/etc/service/passports.key").read_text())
SETTINGS = {
    "scope": "openid email",
    "code_challenge_method": "S256",
    "token_endpoint_auth_method": "private_key_jwt",
    "revocation_endpoint_auth_method": "private_key_jwt",
}


class Proof(PrivateKeyJWT):
    """Authlib's own assertions are good for an hour; this profile takes ten minutes."""

    def sign(self, auth, token_endpoint):
        return private_key_jwt_sign(KEY, CLIENT_ID, token_endpoint, alg=self.alg, expires_in=300)


PROOF = Proof(alg="ES256")


def register(app):
    return OAuth(app).register(
        "aldgate",
        client_id=CLIENT_ID,
        client_secret=KEY,
        client_auth_methods=[PROOF],
        client_kwargs=SETTINGS,
        server_metadata_url=f"{ISSUER}/.well-known/openid-configuration",
        authorize_params={"vtr": '["Cl.Cm","Cl"]'},
    )


def session():
    session = OAuth2Session(CLIENT_ID, KEY, **{**SETTINGS, "scope": None})
    session.register_client_auth_method(PROOF)
    return session
