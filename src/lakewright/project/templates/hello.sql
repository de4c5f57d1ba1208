-- Which tables are there? Run it with: lakewright sql @hello
SHOW TABLES
