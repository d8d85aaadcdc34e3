-- What a bucket is configured to do besides its ACL: one document of each kind, as the API wrote it.
CREATE TABLE bucket_documents (
    bucket   TEXT NOT NULL,
    kind     TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (bucket, kind)
) STRICT, WITHOUT ROWID;
