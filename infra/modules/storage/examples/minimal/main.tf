module "storage" {
  source      = "../.."
  name        = "shop-dev"
  kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"

  zones = {
    raw     = { holds = "raw", transitions = { INTELLIGENT_TIERING = 30 } }
    curated = { holds = "tables" }
    logs    = { holds = "logs", expire_days = 365 }
    results = { holds = "results", expire_days = 30 }
  }
}
