# Secrets of the lake. Their values pass through as write-only arguments: neither plan nor state ever holds one.
# https://developer.hashicorp.com/terraform/language/resources/ephemeral/write-only

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57:a database's owner changes its logins; the runbook of key rotation has the steps
  for_each                = var.secrets
  name                    = "${var.name}/${each.key}"
  description             = each.value.description
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_days
}

resource "aws_secretsmanager_secret_version" "this" {
  for_each                 = { for name, secret in var.secrets : name => secret if secret.version != null }
  secret_id                = aws_secretsmanager_secret.this[each.key].id
  secret_string_wo         = lookup(var.values, each.key, null)
  secret_string_wo_version = each.value.version
}
