module "dms" {
  source             = "../.."
  name               = "shop-dev"
  source_name        = "shop"
  kms_key_arn        = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  topic_arn          = "arn:aws:sns:us-east-1:123456789012:shop-dev-alarms"
  subnet_ids         = ["subnet-1", "subnet-2"]
  security_group_ids = ["sg-1"]
  instance           = {}
  target             = { bucket = "shop-dev-raw", folder = "dms/shop", role_arn = "arn:aws:iam::123456789012:role/shop-dev-capture" }

  # What `lakewright deploy render` writes of a lake.
  table_mappings = jsonencode({ rules = [
    { rule-type = "selection", rule-id = "1", rule-name = "public.orders", rule-action = "include", object-locator = { schema-name = "public", table-name = "orders" } },
    { rule-type = "transformation", rule-id = "2", rule-name = "position", rule-action = "add-column", rule-target = "column", object-locator = { schema-name = "%", table-name = "%" }, value = "_position", expression = "$AR_H_CHANGE_SEQ", data-type = { type = "string", length = 64 } },
  ] })
  task_settings = jsonencode({ TargetMetadata = { SupportLobs = true, FullLobMode = false, LimitedSizeLobMode = true, LobMaxSize = 1024 } })

  database = {
    name            = "shop"
    secret_arn      = "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop-dev/source-AbCdEf"
    secret_role_arn = "arn:aws:iam::123456789012:role/shop-dev-login"
  }
}
