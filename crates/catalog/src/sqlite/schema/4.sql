-- Where the window of the session closed last began: no later window reaches back behind it.
ALTER TABLE positions ADD COLUMN window_from INTEGER NOT NULL DEFAULT 0;
