-- Temporary access keys: the token that must come along, and until when both are good.

ALTER TABLE access_keys ADD COLUMN token TEXT;
ALTER TABLE access_keys ADD COLUMN token_expires INTEGER CHECK ((token_expires IS NULL) = (token IS NULL));
