output "task" {
  description = "The task, for `watched.dms_tasks` of the stack lake."
  value       = module.dms.task
}

output "endpoints" {
  description = "ARNs of the endpoints, for `aws dms test-connection`."
  value       = module.dms.endpoints
}

output "secret_arn" {
  description = "ARN of the login."
  value       = module.secrets.arns[local.secret]
}
