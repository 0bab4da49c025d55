variable "roles" {
  description = "Which of its roles watchbill takes from here: reader, reconciler, responder."
  type        = set(string)
  default     = ["reader"]
}

variable "accounts" {
  description = "Numbers of the accounts whose roles it takes: those of the team file."
  type        = list(string)
}

variable "trails" {
  description = "Buckets of trails, each with the prefix under which they lie."
  type = list(object({
    bucket = string
    prefix = optional(string, "")
  }))
  default = []
}

variable "queue_arns" {
  description = "Queues that tell of new files of a trail."
  type        = list(string)
  default     = []
}

variable "key_arns" {
  description = "Keys of KMS that trails are encrypted with."
  type        = list(string)
  default     = []
}
