mock_provider "aws" {
  source = "../../../mocks"
}

mock_provider "aws" {
  alias  = "replica"
  source = "../../../mocks"

  override_data {
    target = module.replica[0].data.aws_region.there
    values = { name = "us-west-2" }
  }
  override_data {
    target = module.replica[0].module.storage.data.aws_region.current
    values = { name = "us-west-2" }
  }
}

variables {
  lake         = jsondecode(file("../dev/terraform.tfvars.json")).lake
  rendered     = "../dev/rendered"
  shop_login   = { username = "replication", password = "secret", host = "192.168.7.20", port = 5432 }
  shop_gateway = { vpn_gateway_id = "vgw-1" }
  exports      = { server = "files.autocorp.example", agent_arns = ["arn:aws:datasync:us-east-1:123456789012:agent/agent-0123456789abcdef0"] }
}

run "the_whole_lake" {
  assert {
    condition     = output.zones.raw == "s3://autocorp-dev-raw-123456789012-us-east-1/" && output.databases.curated == "autocorp_dev_curated"
    error_message = "zones or databases have other names"
  }
  assert {
    condition     = keys(output.transfers) == ["exports"] && output.workgroups.analysts == "autocorp-dev-analysts"
    error_message = "transfers or workgroups are others"
  }
  assert {
    condition     = output.workflow == "autocorp-dev" && length(output.quality.rule_sets) == 7 && output.quality.rule_sets.sales_order == "autocorp-dev-sales_order"
    error_message = "the jobs have no workflow, or tables no rules"
  }
  assert {
    condition     = output.replicas == {} && length(module.replica) == 0
    error_message = "rows are copied to another region, where nobody asked for it"
  }
}

run "production" {
  variables {
    lake     = jsondecode(file("../prod/terraform.tfvars.json")).lake
    rendered = "../prod/rendered"
  }
  assert {
    condition     = startswith(output.zones.curated, "s3://autocorp-prod-curated-")
    error_message = "the environment is another one"
  }
  assert {
    condition = output.replicas == {
      curated    = "s3://autocorp-prod-curated-123456789012-us-west-2/"
      quarantine = "s3://autocorp-prod-quarantine-123456789012-us-west-2/"
      raw        = "s3://autocorp-prod-raw-123456789012-us-west-2/"
    }
    error_message = "copies: ${jsonencode(output.replicas)}"
  }
}

run "serverless" {
  variables {
    lake = merge(jsondecode(file("../dev/terraform.tfvars.json")).lake, { dms = { serverless = { min_capacity = 1, max_capacity = 8, multi_az = false } } })
  }
  assert {
    condition     = output.databases.quarantine == "autocorp_dev_quarantine"
    error_message = "zones are others"
  }
}
