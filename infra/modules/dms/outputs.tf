output "task" {
  description = "ARN of the task or serverless replication, and the dimensions that its metrics have."
  value = var.instance != null ? {
    arn = aws_dms_replication_task.this[0].replication_task_arn
    # CloudWatch knows the task by the last part of its ARN, not by its name.
    dimensions = tomap({
      ReplicationInstanceIdentifier = aws_dms_replication_instance.this[0].replication_instance_id
      ReplicationTaskIdentifier     = element(split(":", aws_dms_replication_task.this[0].replication_task_arn), 6)
    })
    } : {
    arn        = aws_dms_replication_config.this[0].arn
    dimensions = tomap({ ReplicationConfigIdentifier = aws_dms_replication_config.this[0].replication_config_identifier })
  }
}

output "endpoints" {
  description = "ARNs of the endpoints, for `aws dms test-connection`."
  value       = { source = aws_dms_endpoint.source.endpoint_arn, target = aws_dms_s3_endpoint.target.endpoint_arn }
}
