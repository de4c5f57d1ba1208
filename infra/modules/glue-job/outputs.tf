output "jobs" {
  description = "Name of each job in Glue."
  value       = { for key, job in aws_glue_job.this : key => job.name }
}

output "workflow" {
  description = "Name of the workflow, for `aws glue start-workflow-run`."
  value       = aws_glue_workflow.this.name
}

output "security_configuration" {
  description = "Name of the security configuration, for crawlers."
  value       = aws_glue_security_configuration.this.name
}
