variable "lake" {
  description = "The lake's size, network and limits in one environment, as `lakewright deploy render` writes them to terraform.tfvars.json."
  type = object({
    name            = string
    disposable      = bool
    network         = object({ cidr = string, availability_zones = list(string) })
    zones           = map(object({ holds = string, expire_days = optional(number), transitions = map(number) }))
    crawlers        = map(object({ paths = list(string), schedule = string }))
    transfers       = map(object({ folder = string, path = string, patterns = list(string), schedule = string, keep_deleted = bool }))
    merge           = object({ schedule = string, every_minutes = optional(number), capture_minutes = optional(number), worker_type = string, max_workers = number, timeout_minutes = number, flexible = bool, in_vpc = bool })
    replica_region  = optional(string)
    log_days        = number
    emails          = set(string)
    bucket_limit_gb = optional(number)
    monthly_usd     = optional(number)
    anomaly_usd     = optional(number)
    trail           = bool
    databases = map(object({
      name               = string
      address            = string
      port               = number
      route              = string
      ssl_mode           = string
      ca_certificate_pem = optional(string)
    }))
    dms = object({
      instance   = optional(object({ class = string, storage_gb = number, multi_az = bool, engine_version = optional(string) }))
      serverless = optional(object({ min_capacity = number, max_capacity = number, multi_az = bool }))
    })
  })
  nullable = false
}

variable "rendered" {
  description = "Folder of the files that `lakewright deploy render` writes beside it."
  type        = string
  nullable    = false
}

variable "shop_login" {
  description = "Login of the shop's replication role, given with each plan and kept nowhere: TF_VAR_shop_login."
  type        = object({ username = string, password = string, host = string, port = number })
  nullable    = false
  sensitive   = true
  ephemeral   = true
}

variable "shop_gateway" {
  description = "The way to the network of the shop's database, one of three."
  type = object({
    vpn_gateway_id            = optional(string)
    transit_gateway_id        = optional(string)
    vpc_peering_connection_id = optional(string)
  })
  nullable = false
}

variable "exports" {
  description = "The share that other systems export to, and the activated agents beside it."
  type        = object({ server = string, agent_arns = list(string) })
  nullable    = false
}
