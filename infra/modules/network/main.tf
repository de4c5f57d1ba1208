# A VPC without a way to the internet, or the subnets of an existing one: endpoints lead to AWS, routes to the databases.

data "aws_region" "current" {}

locals {
  made    = var.vpc != null
  vpc_id  = local.made ? aws_vpc.this[0].id : var.existing.vpc_id
  cidr    = local.made ? var.vpc.cidr : var.existing.cidr
  subnets = local.made ? [for zone in var.vpc.availability_zones : aws_subnet.private[zone].id] : var.existing.subnet_ids
  tables  = local.made ? [aws_route_table.private[0].id] : var.existing.route_table_ids
  zones   = local.made ? { for number, zone in var.vpc.availability_zones : zone => number } : {}
  service = "com.amazonaws.${data.aws_region.current.name}"

  # Two ranges overlap where both have the same start under the shorter of their prefixes.
  bits = { for cidr in concat([local.cidr], [for route in values(var.routes) : route.cidr]) : cidr => tonumber(split("/", cidr)[1]) }
  overlaps = [
    for name, route in var.routes : name
    if cidrhost("${split("/", route.cidr)[0]}/${min(local.bits[route.cidr], local.bits[local.cidr])}", 0) ==
    cidrhost("${split("/", local.cidr)[0]}/${min(local.bits[route.cidr], local.bits[local.cidr])}", 0)
  ]
}

data "aws_subnet" "first" {
  count = local.made ? 0 : 1
  id    = var.existing.subnet_ids[0]
}

resource "aws_vpc" "this" {
  count                = local.made ? 1 : 0
  cidr_block           = var.vpc.cidr
  enable_dns_hostnames = true
  enable_dns_support   = true
  tags                 = { Name = var.name }

  lifecycle {
    precondition {
      condition     = length(local.overlaps) == 0
      error_message = "routes: ${join(", ", local.overlaps)} overlaps the VPC's ${local.cidr}: its traffic would never leave the VPC. Give the VPC another range."
    }
  }
}

# Nothing gets in or out by belonging to the default group.
resource "aws_default_security_group" "this" {
  count  = local.made ? 1 : 0
  vpc_id = aws_vpc.this[0].id
}

resource "aws_subnet" "private" {
  for_each          = local.zones
  vpc_id            = aws_vpc.this[0].id
  cidr_block        = cidrsubnet(var.vpc.cidr, 2, each.value)
  availability_zone = each.key
  tags              = { Name = "${var.name}-private-${each.key}" }
}

resource "aws_route_table" "private" {
  count  = local.made ? 1 : 0
  vpc_id = aws_vpc.this[0].id
  tags   = { Name = "${var.name}-private" }
}

resource "aws_route_table_association" "private" {
  for_each       = local.zones
  subnet_id      = aws_subnet.private[each.key].id
  route_table_id = aws_route_table.private[0].id
}

# AWS takes no route to a gateway that is not at the VPC.
resource "aws_vpn_gateway_attachment" "this" {
  for_each       = toset([for route in values(var.routes) : route.vpn_gateway_id if route.vpn_gateway_id != null])
  vpc_id         = aws_vpc.this[0].id
  vpn_gateway_id = each.key
}

resource "aws_route" "this" {
  depends_on = [aws_vpn_gateway_attachment.this]

  for_each                  = var.routes
  route_table_id            = local.tables[0]
  destination_cidr_block    = each.value.cidr
  gateway_id                = each.value.vpn_gateway_id
  transit_gateway_id        = each.value.transit_gateway_id
  vpc_peering_connection_id = each.value.vpc_peering_connection_id
}

resource "aws_flow_log" "this" {
  count                = local.made ? 1 : 0
  vpc_id               = aws_vpc.this[0].id
  traffic_type         = "ALL"
  log_destination_type = "s3"
  log_destination      = var.flow_log_destination_arn

  lifecycle {
    precondition {
      condition     = var.flow_log_destination_arn != null
      error_message = "flow_log_destination_arn is needed for a VPC that this module makes: the ARN of a bucket and folder, such as arn:aws:s3:::BUCKET/network/."
    }
  }
}

# S3 by its gateway endpoint costs nothing; the others are charged by hour and zone.
# https://docs.aws.amazon.com/dms/latest/userguide/CHAP_VPC_Endpoints.html
resource "aws_vpc_endpoint" "s3" {
  vpc_id            = local.vpc_id
  service_name      = "${local.service}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = local.tables
  tags              = { Name = "${var.name}-s3" }
}

resource "aws_vpc_endpoint" "interface" {
  for_each            = var.interface_endpoints
  vpc_id              = local.vpc_id
  service_name        = "${local.service}.${each.key}"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = local.subnets
  security_group_ids  = [aws_security_group.endpoints.id]
  private_dns_enabled = true
  tags                = { Name = "${var.name}-${each.key}" }
}

resource "aws_security_group" "endpoints" {
  name        = "${var.name}-endpoints"
  description = "Interface endpoints of ${var.name}"
  vpc_id      = local.vpc_id
  tags        = { Name = "${var.name}-endpoints" }
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  for_each                     = aws_security_group.worker
  security_group_id            = aws_security_group.endpoints.id
  description                  = "AWS APIs, from ${each.key}"
  referenced_security_group_id = each.value.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

# What runs here: DMS reaches the databases, Glue its own workers, both the endpoints and S3.
resource "aws_security_group" "worker" {
  #checkov:skip=CKV2_AWS_5:the modules dms and glue-job attach them
  for_each    = toset(["dms", "glue"])
  name        = "${var.name}-${each.key}"
  description = "${each.key} of ${var.name}"
  vpc_id      = local.vpc_id
  tags        = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpc_security_group_egress_rule" "endpoints" {
  for_each                     = aws_security_group.worker
  security_group_id            = each.value.id
  description                  = "AWS APIs by their endpoints"
  referenced_security_group_id = aws_security_group.endpoints.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_egress_rule" "s3" {
  for_each          = aws_security_group.worker
  security_group_id = each.value.id
  description       = "S3 by its gateway endpoint"
  prefix_list_id    = aws_vpc_endpoint.s3.prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "databases" {
  for_each          = var.databases
  security_group_id = aws_security_group.worker["dms"].id
  description       = "Database ${each.key}"
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

# https://docs.aws.amazon.com/glue/latest/dg/setup-vpc-for-glue-access.html
resource "aws_vpc_security_group_ingress_rule" "glue" {
  #checkov:skip=CKV_AWS_24:from the group itself, not from the internet
  #checkov:skip=CKV_AWS_25:from the group itself, not from the internet
  #checkov:skip=CKV_AWS_260:from the group itself, not from the internet
  security_group_id            = aws_security_group.worker["glue"].id
  description                  = "Glue's workers to each other"
  referenced_security_group_id = aws_security_group.worker["glue"].id
  ip_protocol                  = "tcp"
  from_port                    = 0
  to_port                      = 65535
}

resource "aws_vpc_security_group_egress_rule" "glue" {
  security_group_id            = aws_security_group.worker["glue"].id
  description                  = "Glue's workers to each other"
  referenced_security_group_id = aws_security_group.worker["glue"].id
  ip_protocol                  = "tcp"
  from_port                    = 0
  to_port                      = 65535
}
