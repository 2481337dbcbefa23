-- The keys with which the OpenID provider signs. Times are milliseconds since 1970.

-- A key signs from the moment at which it begins to the one at which the next of its algorithm begins. A number is
-- given once: of several processes that make the same one, the first has made it.
CREATE TABLE signing_key (
    algorithm TEXT    NOT NULL,   -- As in JWA: RS512, ES256, PS256, EdDSA.
    number    INTEGER NOT NULL,   -- 1 and up.
    key_id    TEXT    NOT NULL,   -- RFC 7638 thumbprint, base64url.
    made      INTEGER NOT NULL,   -- Published from then on.
    begins    INTEGER NOT NULL,   -- Signs from then on.
    sealed    BLOB    NOT NULL,   -- Nonce, AES-256-GCM of the PKCS#8 document, tag; bound to all the above.
    PRIMARY KEY (algorithm, number)
) STRICT, WITHOUT ROWID;
