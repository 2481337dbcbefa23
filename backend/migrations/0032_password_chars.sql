-- How many characters a password has at least, as far as the rule that it met says: whether it may stand alone is asked when
-- the last second step goes. Every password has the default; longer ones of before are asked for once more then.
ALTER TABLE account ADD COLUMN password_chars INTEGER NOT NULL DEFAULT 8;
