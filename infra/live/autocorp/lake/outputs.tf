output "zones" {
  description = "URI of each zone."
  value       = module.lake.zones
}

output "replicas" {
  description = "URI of each zone's copy in another region: of none without `replica_region`."
  value       = try(module.replica[0].zones, {})
}

output "databases" {
  description = "Name of each database in the catalog."
  value       = module.lake.databases
}

output "workgroups" {
  description = "Name of each workgroup of Athena."
  value       = module.lake.workgroups
}

output "task_arn" {
  description = "ARN of the capture, for `aws dms describe-replication-tasks`."
  value       = module.shop.task.arn
}

output "endpoints" {
  description = "ARNs of the endpoints, for `aws dms test-connection`."
  value       = module.shop.endpoints
}

output "transfers" {
  description = "ARN of each transfer, for `aws datasync start-task-execution`."
  value       = module.exports.tasks
}

output "workflow" {
  description = "Name of the workflow that merges, for `aws glue start-workflow-run`."
  value       = module.lake.workflow
}

output "quality" {
  description = "Rule sets by table and the role that evaluates them, for `aws glue start-data-quality-ruleset-evaluation-run`."
  value       = module.lake.quality
}
