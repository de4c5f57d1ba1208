output "databases" {
  description = "Name of each database in the catalog."
  value       = { for key, database in aws_glue_catalog_database.this : key => database.name }
}

output "tables" {
  description = "Names of the tables by database, the two of a merge-on-read table included."
  value       = { for key, database in aws_glue_catalog_database.this : key => sort([for view in values(local.views) : view.view if view.database == key]) }
}

output "crawlers" {
  description = "Name of each crawler."
  value       = { for key, crawler in aws_glue_crawler.this : key => crawler.name }
}
