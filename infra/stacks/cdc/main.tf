# Change capture into a lake: the login of a database as a secret, the roles of DMS, endpoints and task.

locals {
  secret = "source/${var.source_name}"
  folder = "${var.lake.raw.prefix}dms/${var.source_name}"
}

module "secrets" {
  source        = "../../modules/secrets"
  name          = var.name
  kms_key_arn   = var.lake.kms_key_arn
  recovery_days = var.lake.disposable ? 0 : 30
  secrets       = { (local.secret) = { description = "Login of the replication role of ${var.source_name}", version = var.login_version } }
  values        = { (local.secret) = jsonencode(var.login) }
}

module "iam" {
  source      = "../../modules/iam"
  name        = var.name
  kms_key_arn = var.lake.kms_key_arn

  roles = {
    "capture-${var.source_name}" = {
      service     = "dms"
      description = "Lets DMS write what it captures of ${var.source_name} to raw"
      writes      = [{ bucket_arn = var.lake.raw.bucket_arn, prefix = "${local.folder}/" }]
    }
    "login-${var.source_name}" = {
      service     = "dms-secrets"
      description = "Lets DMS open the login of ${var.source_name}"
      secret_arns = [module.secrets.arns[local.secret]]
    }
  }
}

module "dms" {
  source             = "../../modules/dms"
  name               = var.name
  source_name        = var.source_name
  kms_key_arn        = var.lake.kms_key_arn
  topic_arn          = var.lake.topic_arn
  subnet_ids         = var.lake.subnet_ids
  security_group_ids = [var.lake.security_group_ids["dms"]]
  instance           = var.instance
  serverless         = var.serverless
  table_mappings     = var.table_mappings
  task_settings      = var.task_settings
  log_days           = var.log_days
  start              = var.start
  target             = { bucket = var.lake.raw.bucket, folder = local.folder, role_arn = module.iam.arns["capture-${var.source_name}"] }

  database = merge(var.database, {
    secret_arn      = module.secrets.arns[local.secret]
    secret_role_arn = module.iam.arns["login-${var.source_name}"]
  })
}
