output "task_arn" {
  description = "ARN of the task, for `aws datasync start-task-execution`."
  value       = aws_datasync_task.this.arn
}
