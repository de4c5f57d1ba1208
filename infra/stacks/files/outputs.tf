output "tasks" {
  description = "ARN of each task, for `watched.datasync_tasks` of the stack lake."
  value       = { for name, transfer in module.datasync : name => transfer.task_arn }
}
