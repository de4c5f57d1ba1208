output "workgroups" {
  description = "Name of each workgroup."
  value       = { for key, workgroup in aws_athena_workgroup.this : key => workgroup.name }
}

output "queries" {
  description = "Id of each saved query, for `aws athena get-named-query`."
  value       = { for key, query in aws_athena_named_query.this : key => query.id }
}
