# Change capture by DMS: a PostgreSQL database in, Parquet files in the raw zone out, in the layout that Lakewright reads.

data "aws_caller_identity" "current" {}

locals {
  units     = [1, 2, 4, 8, 16, 32, 64, 128, 192, 256, 384]
  log_group = var.instance != null ? "dms-tasks-${var.name}" : "dms-serverless-replication-${var.name}-${var.source_name}"
}

# Made before DMS makes it, without an end to what it keeps.
resource "aws_cloudwatch_log_group" "this" {
  name              = local.log_group
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_dms_replication_subnet_group" "this" {
  replication_subnet_group_id          = var.name
  replication_subnet_group_description = "Private subnets of ${var.name}"
  subnet_ids                           = var.subnet_ids
}

resource "aws_dms_replication_instance" "this" {
  count                       = var.instance != null ? 1 : 0
  replication_instance_id     = var.name
  replication_instance_class  = var.instance.class
  allocated_storage           = var.instance.storage_gb
  multi_az                    = var.instance.multi_az
  engine_version              = var.instance.engine_version
  auto_minor_version_upgrade  = true
  allow_major_version_upgrade = false
  publicly_accessible         = false
  kms_key_arn                 = var.kms_key_arn
  replication_subnet_group_id = aws_dms_replication_subnet_group.this.id
  vpc_security_group_ids      = var.security_group_ids
  depends_on                  = [aws_cloudwatch_log_group.this]
}

resource "aws_dms_certificate" "this" {
  count           = var.database.ca_certificate_pem != null ? 1 : 0
  certificate_id  = "${var.name}-${var.source_name}"
  certificate_pem = var.database.ca_certificate_pem
}

resource "aws_dms_endpoint" "source" {
  endpoint_id                     = "${var.name}-${var.source_name}"
  endpoint_type                   = "source"
  engine_name                     = "postgres"
  database_name                   = var.database.name
  secrets_manager_arn             = var.database.secret_arn
  secrets_manager_access_role_arn = var.database.secret_role_arn
  ssl_mode                        = var.database.ssl_mode
  certificate_arn                 = one(aws_dms_certificate.this[*].certificate_arn)
  kms_key_arn                     = var.kms_key_arn

  # Without a heartbeat the slot of an idle database holds its log back until the disk is full.
  # https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Source.PostgreSQL.html
  postgres_settings {
    fail_tasks_on_lob_truncation = true
    map_boolean_as_boolean       = true
    heartbeat_enable             = true
    heartbeat_frequency          = 5
    heartbeat_schema             = var.database.heartbeat_schema
  }
}

resource "aws_dms_s3_endpoint" "target" {
  endpoint_id             = "${var.name}-${var.source_name}-raw"
  endpoint_type           = "target"
  bucket_name             = var.target.bucket
  bucket_folder           = var.target.folder
  expected_bucket_owner   = data.aws_caller_identity.current.account_id
  service_access_role_arn = var.target.role_arn
  kms_key_arn             = var.kms_key_arn

  encryption_mode                   = "SSE_KMS"
  server_side_encryption_kms_key_id = var.kms_key_arn

  data_format                      = "parquet"
  parquet_version                  = "parquet-2-0"
  parquet_timestamp_in_millisecond = false # PostgreSQL's microseconds stay
  compression_type                 = "GZIP"
  timestamp_column_name            = "_commit_time"
  include_op_for_full_load         = true
  cdc_inserts_only                 = false # deletes stay
  cdc_inserts_and_updates          = false
  cdc_max_batch_interval           = var.flush_seconds
  cdc_min_file_size                = 32000 # KB
  date_partition_enabled           = true
  date_partition_sequence          = "yyyymmdd" # in lower case, as DMS gives it back
  date_partition_delimiter         = "SLASH"
}

resource "aws_dms_replication_task" "this" {
  count                     = var.instance != null ? 1 : 0
  replication_task_id       = "${var.name}-${var.source_name}"
  migration_type            = "full-load-and-cdc"
  replication_instance_arn  = aws_dms_replication_instance.this[0].replication_instance_arn
  source_endpoint_arn       = aws_dms_endpoint.source.endpoint_arn
  target_endpoint_arn       = aws_dms_s3_endpoint.target.endpoint_arn
  table_mappings            = var.table_mappings
  replication_task_settings = var.task_settings
  start_replication_task    = var.start
}

resource "aws_dms_replication_config" "this" {
  count                         = var.serverless != null ? 1 : 0
  replication_config_identifier = "${var.name}-${var.source_name}"
  resource_identifier           = "${var.name}-${var.source_name}"
  replication_type              = "full-load-and-cdc"
  source_endpoint_arn           = aws_dms_endpoint.source.endpoint_arn
  target_endpoint_arn           = aws_dms_s3_endpoint.target.endpoint_arn
  table_mappings                = var.table_mappings
  replication_settings          = var.task_settings
  start_replication             = var.start
  depends_on                    = [aws_cloudwatch_log_group.this]

  compute_config {
    min_capacity_units          = var.serverless.min_capacity
    max_capacity_units          = var.serverless.max_capacity
    multi_az                    = var.serverless.multi_az
    kms_key_id                  = var.kms_key_arn
    replication_subnet_group_id = aws_dms_replication_subnet_group.this.id
    vpc_security_group_ids      = var.security_group_ids
  }
}

# Serverless replications tell of failures by EventBridge alone.
resource "aws_dms_event_subscription" "this" {
  for_each = {
    for type, categories in {
      replication-instance = ["failure", "failover", "low storage"]
      replication-task     = ["failure", "deletion"]
    } : type => categories if var.instance != null
  }
  name             = "${var.name}-${var.source_name}-${each.key}"
  sns_topic_arn    = var.topic_arn
  source_type      = each.key
  source_ids       = [each.key == "replication-task" ? aws_dms_replication_task.this[0].replication_task_id : aws_dms_replication_instance.this[0].replication_instance_id]
  event_categories = each.value
}
