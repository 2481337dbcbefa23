-- What a person has allowed a client claim by claim, besides what its scopes tell: a bit a claim.
ALTER TABLE consent ADD COLUMN claims INTEGER NOT NULL DEFAULT 0;
ALTER TABLE consent ADD COLUMN claims_ever INTEGER NOT NULL DEFAULT 0;
