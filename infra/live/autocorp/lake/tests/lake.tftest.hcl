mock_provider "aws" {
  source = "../../../mocks"
}

variables {
  environment     = "dev"
  shop_login      = { username = "replication", password = "secret", host = "192.168.7.20", port = 5432 }
  exports         = { server = "files.autocorp.example", agent_arns = ["arn:aws:datasync:us-east-1:123456789012:agent/agent-0123456789abcdef0"] }
  emails          = ["data@autocorp.example"]
  bucket_limit_gb = 50
  monthly_usd     = 250
  shop            = { address = { cidr = "192.168.7.20/32", port = 5432 }, instance = {} }
  network = {
    vpc    = { cidr = "10.40.0.0/20", availability_zones = ["us-east-1a", "us-east-1b"] }
    routes = { shop = { cidr = "192.168.0.0/16", vpn_gateway_id = "vgw-1" } }
  }
}

run "the_whole_lake" {
  assert {
    condition     = output.zones.raw == "s3://autocorp-dev-raw-123456789012-us-east-1/" && output.databases.curated == "autocorp_dev_curated"
    error_message = "zones or databases have other names"
  }
  assert {
    condition     = keys(output.transfers) == ["customers", "orders"] && output.workgroups.analysts == "autocorp-dev-analysts"
    error_message = "transfers or workgroups are others"
  }
}

run "production_serverless_and_audited" {
  variables {
    environment = "prod"
    shop        = { address = { cidr = "192.168.7.20/32", port = 5432 }, serverless = { max_capacity = 8 } }
    anomaly_usd = 100
    trail       = true
  }
  assert {
    condition     = startswith(output.zones.curated, "s3://autocorp-prod-curated-")
    error_message = "the environment is another one"
  }
}

run "an_environment_that_does_not_exist" {
  command = plan
  variables {
    environment = "test"
  }
  expect_failures = [var.environment]
}
