-- By what a person is found from their NHS number: the first 16 bytes of a keyed digest. One account a number. NULL where no
-- number is known; for rows of a version before this one, until they have been gone through in the background.
ALTER TABLE person ADD COLUMN nhs_number BLOB;
CREATE UNIQUE INDEX person_by_nhs_number ON person (nhs_number) WHERE nhs_number IS NOT NULL;
