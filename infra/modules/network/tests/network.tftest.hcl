mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name                     = "shop-dev"
  vpc                      = { cidr = "10.20.0.0/20", availability_zones = ["us-east-1a", "us-east-1b"] }
  flow_log_destination_arn = "arn:aws:s3:::shop-dev-logs/network/"
  databases                = { shop = { cidr = "192.168.7.20/32", port = 5432 } }
  routes                   = { head-office = { cidr = "192.168.0.0/16", vpn_gateway_id = "vgw-1" } }
}

run "example" {
  command = plan
  module {
    source = "./examples/minimal"
  }
}

run "private_subnets_in_two_zones_without_a_way_to_the_internet" {
  assert {
    condition     = { for zone, subnet in aws_subnet.private : zone => subnet.cidr_block } == { us-east-1a = "10.20.0.0/22", us-east-1b = "10.20.4.0/22" }
    error_message = "subnets have other ranges"
  }
  assert {
    condition     = !anytrue([for subnet in values(aws_subnet.private) : coalesce(subnet.map_public_ip_on_launch, false)])
    error_message = "a subnet gives public addresses"
  }
  assert {
    condition     = keys(aws_route.this) == ["head-office"] && aws_route.this["head-office"].gateway_id == "vgw-1"
    error_message = "the route table leads elsewhere"
  }
  assert {
    condition     = aws_vpn_gateway_attachment.this["vgw-1"].vpc_id == aws_vpc.this[0].id
    error_message = "the gateway is not at the VPC, so AWS takes no route to it"
  }
  assert {
    condition     = length(aws_default_security_group.this) == 1 && length(aws_flow_log.this) == 1
    error_message = "the default group is open, or nobody logs the traffic"
  }
  assert {
    condition     = output.job_subnet == { subnet_id = aws_subnet.private["us-east-1a"].id, availability_zone = "us-east-1a" }
    error_message = "jobs run elsewhere: ${jsonencode(output.job_subnet)}"
  }
}

run "endpoints_for_everything_that_is_called" {
  assert {
    condition     = aws_vpc_endpoint.s3.service_name == "com.amazonaws.us-east-1.s3" && aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway"
    error_message = "S3 has no gateway endpoint"
  }
  assert {
    condition     = toset(keys(aws_vpc_endpoint.interface)) == toset(["glue", "kms", "logs", "monitoring", "secretsmanager", "sts"]) && alltrue([for endpoint in values(aws_vpc_endpoint.interface) : endpoint.private_dns_enabled])
    error_message = "an interface endpoint is missing, or not found by its usual name"
  }
}

run "security_groups_open_what_is_used" {
  assert {
    condition     = alltrue([for rule in values(aws_vpc_security_group_ingress_rule.endpoints) : rule.from_port == 443 && rule.to_port == 443 && rule.cidr_ipv4 == null])
    error_message = "endpoints are open to more than DMS and Glue"
  }
  assert {
    condition     = aws_vpc_security_group_egress_rule.databases["shop"].cidr_ipv4 == "192.168.7.20/32" && aws_vpc_security_group_egress_rule.databases["shop"].to_port == 5432
    error_message = "DMS reaches more than its database"
  }
  assert {
    condition     = aws_vpc_security_group_ingress_rule.glue.cidr_ipv4 == null
    error_message = "Glue's workers can be reached from elsewhere"
  }
}

run "an_existing_vpc_is_left_as_it_is" {
  variables {
    vpc      = null
    routes   = {}
    existing = { vpc_id = "vpc-1", cidr = "10.0.0.0/16", subnet_ids = ["subnet-1", "subnet-2"], route_table_ids = ["rtb-1"] }
  }
  assert {
    condition     = length(aws_vpc.this) + length(aws_subnet.private) + length(aws_route_table.private) + length(aws_flow_log.this) + length(aws_default_security_group.this) == 0
    error_message = "something of the existing VPC is made or changed"
  }
  assert {
    condition     = output.vpc_id == "vpc-1" && tolist(output.subnet_ids) == tolist(["subnet-1", "subnet-2"])
    error_message = "outputs are not those of the existing VPC"
  }
  assert {
    condition     = output.job_subnet.subnet_id == "subnet-1" && data.aws_subnet.first[0].id == "subnet-1"
    error_message = "jobs run elsewhere: ${jsonencode(output.job_subnet)}"
  }
}

run "a_range_that_overlaps" {
  command = plan
  variables {
    routes = { head-office = { cidr = "10.20.8.0/24", vpn_gateway_id = "vgw-1" } }
  }
  expect_failures = [aws_vpc.this]
}

run "a_wide_range_that_overlaps" {
  command = plan
  variables {
    routes = { head-office = { cidr = "10.0.0.0/8", vpn_gateway_id = "vgw-1" } }
  }
  expect_failures = [aws_vpc.this]
}

run "a_vpc_without_flow_logs" {
  command = plan
  variables {
    flow_log_destination_arn = null
  }
  expect_failures = [aws_flow_log.this]
}

run "no_vpc" {
  command = plan
  variables {
    vpc    = null
    routes = {}
  }
  # Without either there is nothing to plan with, so more than the validation fails.
  expect_failures = [var.vpc]
}

run "a_vpc_too_small" {
  command = plan
  variables {
    vpc = { cidr = "10.20.0.0/28", availability_zones = ["us-east-1a", "us-east-1b"] }
  }
  expect_failures = [var.vpc]
}

run "one_zone" {
  command = plan
  variables {
    vpc = { cidr = "10.20.0.0/20", availability_zones = ["us-east-1a"] }
  }
  expect_failures = [var.vpc]
}

run "an_existing_vpc_with_one_subnet" {
  command = plan
  variables {
    vpc      = null
    routes   = {}
    existing = { vpc_id = "vpc-1", cidr = "10.0.0.0/16", subnet_ids = ["subnet-1"], route_table_ids = ["rtb-1"] }
  }
  expect_failures = [var.existing]
}

run "a_route_to_the_internet" {
  command = plan
  variables {
    routes = { internet = { cidr = "0.0.0.0/0", vpn_gateway_id = "igw-1" } }
  }
  expect_failures = [var.routes]
}

run "a_route_by_two_ways" {
  command = plan
  variables {
    routes = { head-office = { cidr = "192.168.0.0/16", vpn_gateway_id = "vgw-1", transit_gateway_id = "tgw-1" } }
  }
  expect_failures = [var.routes]
}

run "routes_of_an_existing_vpc" {
  command = plan
  variables {
    vpc      = null
    existing = { vpc_id = "vpc-1", cidr = "10.0.0.0/16", subnet_ids = ["subnet-1", "subnet-2"], route_table_ids = ["rtb-1"] }
  }
  expect_failures = [var.routes]
}

run "a_database_anywhere" {
  command = plan
  variables {
    databases = { shop = { cidr = "0.0.0.0/0", port = 5432 } }
  }
  expect_failures = [var.databases]
}

run "an_interface_endpoint_for_s3" {
  command = plan
  variables {
    interface_endpoints = ["s3"]
  }
  expect_failures = [var.interface_endpoints]
}

run "a_name_that_aws_refuses" {
  command = plan
  variables {
    name = "Shop_Dev"
  }
  expect_failures = [var.name]
}
