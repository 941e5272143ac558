-- Two accounts that can do no more than they must, for servers since 20.4. Run it once as an
-- administrator, with passwords of your own. docs/security.md.

CREATE DATABASE IF NOT EXISTS liveshop;

-- Creates the tables and views and fills them; alters and drops nothing, sees no other database.
CREATE USER IF NOT EXISTS liveshop_worker IDENTIFIED WITH sha256_password BY 'CHANGE-ME-1';
GRANT SELECT, INSERT, CREATE TABLE, CREATE VIEW ON liveshop.* TO liveshop_worker;

-- For Grafana, reports and reconciliation. 2 allows settings along with a query, which Grafana
-- sends; 1 would refuse them.
CREATE USER IF NOT EXISTS liveshop_reader IDENTIFIED WITH sha256_password BY 'CHANGE-ME-2'
    SETTINGS readonly = 2, max_execution_time = 30;
GRANT SELECT ON liveshop.* TO liveshop_reader;
