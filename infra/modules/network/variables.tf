variable "name" {
  description = "Lake and environment, such as `shop-dev`: the prefix of every name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) <= 20
    error_message = "name must be lower-case words joined by hyphens, at most 20 characters: S3 refuses longer bucket names later."
  }
}

variable "vpc" {
  description = "A VPC to make: its range, which is divided by four, and the availability zones to use, by name so that they stay."
  type = object({
    cidr               = string
    availability_zones = list(string)
  })
  default = null

  validation {
    condition     = (var.vpc == null) != (var.existing == null)
    error_message = "vpc or existing: name one, a VPC to make or one that exists."
  }
  validation {
    condition     = try(can(cidrhost(var.vpc.cidr, 0)) && tonumber(split("/", var.vpc.cidr)[1]) >= 16 && tonumber(split("/", var.vpc.cidr)[1]) <= 26, var.vpc == null)
    error_message = "vpc: `cidr` must be a range such as 10.20.0.0/20, from /16 to /26."
  }
  validation {
    condition     = try(contains([2, 3, 4], length(distinct(var.vpc.availability_zones))), var.vpc == null)
    error_message = "vpc: two to four availability zones: DMS takes no fewer."
  }
}

variable "existing" {
  description = "A VPC that exists: its private subnets, in two zones or more, and their route tables. Its owner routes it to the databases."
  type = object({
    vpc_id          = string
    cidr            = string
    subnet_ids      = list(string)
    route_table_ids = list(string)
  })
  default = null

  validation {
    condition     = try(length(var.existing.subnet_ids) >= 2 && length(var.existing.route_table_ids) >= 1, var.existing == null)
    error_message = "existing: at least two subnets, which DMS needs, and one route table, which the endpoint of S3 needs."
  }
}

variable "routes" {
  description = "Ways to databases outside, by name: a range and one of a VPN gateway (VPN, Direct Connect), transit gateway or VPC peering."
  type = map(object({
    cidr                      = string
    vpn_gateway_id            = optional(string)
    transit_gateway_id        = optional(string)
    vpc_peering_connection_id = optional(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for route in values(var.routes) : can(cidrhost(route.cidr, 0)) && route.cidr != "0.0.0.0/0"])
    error_message = "routes: `cidr` must be a range such as 192.168.0.0/16, and not everything: the lake needs no way to the internet."
  }
  validation {
    condition = alltrue([
      for route in values(var.routes) : length([for id in [route.vpn_gateway_id, route.transit_gateway_id, route.vpc_peering_connection_id] : id if id != null]) == 1
    ])
    error_message = "routes: each needs exactly one of vpn_gateway_id, transit_gateway_id and vpc_peering_connection_id."
  }
  validation {
    condition     = length(var.routes) == 0 || var.existing == null
    error_message = "routes: the route tables of an existing VPC are its owner's."
  }
}

variable "databases" {
  description = "Databases that DMS may reach, by name: a range, as narrow as can be, and a port."
  type        = map(object({ cidr = string, port = number }))
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for database in values(var.databases) : can(cidrhost(database.cidr, 0)) && database.cidr != "0.0.0.0/0" && database.port > 0 && database.port < 65536])
    error_message = "databases: `cidr` must be a range such as 192.168.7.20/32, and not everything; `port` is between 1 and 65535."
  }
}

variable "interface_endpoints" {
  description = "AWS services to reach by interface endpoints, each charged by hour and zone."
  type        = set(string)
  default     = ["glue", "kms", "logs", "monitoring", "secretsmanager", "sts"]
  nullable    = false

  validation {
    condition     = alltrue([for service in var.interface_endpoints : can(regex("^[a-z0-9.-]+$", service)) && service != "s3"])
    error_message = "interface_endpoints must be short names such as `glue`; S3 has a gateway endpoint already."
  }
}

variable "flow_log_destination_arn" {
  description = "ARN of the bucket and folder for the flow logs of a VPC that this module makes."
  type        = string
  default     = null
}
