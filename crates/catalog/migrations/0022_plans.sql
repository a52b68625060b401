-- A plan that nobody has carried out is worth nothing once it has expired. Those of before may have been carried out.
ALTER TABLE plans ADD COLUMN used BIGINT NOT NULL DEFAULT 1;
CREATE INDEX plans_by_target ON plans (target, used, created);
