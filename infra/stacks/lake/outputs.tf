output "lake" {
  description = "What the other stacks need of the lake."
  value = {
    region             = data.aws_region.current.name
    zones              = { for zone, settings in var.zones : zone => merge(settings, { bucket_arn = local.zones[zone].bucket_arn }) }
    one_bucket         = var.one_bucket
    kms_key_arn        = module.kms.arn
    topic_arn          = module.observability.topic_arn
    raw                = local.raw
    logs               = local.logs
    subnet_ids         = module.network.subnet_ids
    security_group_ids = module.network.security_group_ids
    disposable         = var.disposable
  }
}

output "zones" {
  description = "URI of each zone."
  value       = { for zone, place in local.zones : zone => place.uri }
}

output "databases" {
  description = "Name of each database in the catalog."
  value       = module.catalog.databases
}

output "workgroups" {
  description = "Name of each workgroup of Athena."
  value       = module.athena.workgroups
}

output "workflow" {
  description = "Name of the workflow of the jobs, if there are any."
  value       = one(module.jobs[*].workflow)
}

output "quality" {
  description = "Name of each table's rule set, and ARN of the role that evaluates it."
  value       = { rule_sets = module.quality.names, role_arn = module.iam.arns["merge"] }
}
