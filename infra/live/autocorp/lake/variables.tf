variable "environment" {
  description = "dev, staging or prod."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment must be dev, staging or prod."
  }
}

variable "network" {
  description = "The VPC to make and the way from it to the shop's database."
  type = object({
    vpc = object({ cidr = string, availability_zones = list(string) })
    routes = optional(map(object({
      cidr                      = string
      vpn_gateway_id            = optional(string)
      transit_gateway_id        = optional(string)
      vpc_peering_connection_id = optional(string)
    })), {})
  })
  nullable = false
}

variable "shop" {
  description = "The shop's database: name, address as the VPC sees it, connection, and what DMS runs on."
  type = object({
    database           = optional(string, "autocorp")
    address            = object({ cidr = string, port = number })
    ssl_mode           = optional(string, "require")
    ca_certificate_pem = optional(string)
    instance = optional(object({
      class          = optional(string, "dms.t3.medium")
      storage_gb     = optional(number, 50)
      multi_az       = optional(bool, false)
      engine_version = optional(string)
    }))
    serverless = optional(object({
      min_capacity = optional(number, 1)
      max_capacity = number
      multi_az     = optional(bool, false)
    }))
  })
  nullable = false
}

variable "shop_login" {
  description = "Login of the shop's replication role, given with each plan and kept nowhere: TF_VAR_shop_login."
  type        = object({ username = string, password = string, host = string, port = number })
  nullable    = false
  sensitive   = true
  ephemeral   = true
}

variable "exports" {
  description = "The share that other systems export to, and the activated agents beside it."
  type        = object({ server = string, agent_arns = list(string) })
  nullable    = false
}

variable "emails" {
  description = "Addresses that hear of everything."
  type        = set(string)
  nullable    = false
}

variable "bucket_limit_gb" {
  description = "Size in GB above which a bucket is worth a look."
  type        = number
  nullable    = false
}

variable "monthly_usd" {
  description = "Monthly budget."
  type        = number
  nullable    = false
}

variable "anomaly_usd" {
  description = "Tell of unusual costs of this much and more; in one environment of an account."
  type        = number
  default     = null
}

variable "trail" {
  description = "Keep a trail of all API calls; in one environment of an account."
  type        = bool
  default     = false
  nullable    = false
}
