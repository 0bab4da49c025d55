# Written by tools/own_rights.py from the calls that watchbill's code makes. Change it there.

locals {
  own_path = "/watchbill-own/"
  policies = {
    "watchbill-reader-home" = {
      role  = "reader"
      means = "takes the reader's role in each account"
      document = jsonencode({
        Version = "2012-10-17"
        Statement = [
          for statement in [
            {
              Sid      = "Take"
              Effect   = "Allow"
              Action   = ["sts:AssumeRole"]
              Resource = [for one in var.accounts : "arn:aws:iam::${one}:role/watchbill-reader"]
            },
          ] :
          statement if length(statement.Resource) > 0
        ]
      })
    }
    "watchbill-reader-trail" = {
      role  = "reader"
      means = "reads the trail's files and the messages that tell of them"
      document = jsonencode({
        Version = "2012-10-17"
        Statement = [
          for statement in [
            {
              Sid      = "Buckets"
              Effect   = "Allow"
              Action   = ["s3:ListBucket"]
              Resource = [for one in var.trails : "arn:aws:s3:::${one.bucket}"]
            },
            {
              Sid      = "Decrypt"
              Effect   = "Allow"
              Action   = ["kms:Decrypt"]
              Resource = var.key_arns
            },
            {
              Sid    = "Look"
              Effect = "Allow"
              Action = [
                "cloudtrail:ListPublicKeys",
                "cloudtrail:LookupEvents",
              ]
              Resource = ["*"]
            },
            {
              Sid      = "Objects"
              Effect   = "Allow"
              Action   = ["s3:GetObject"]
              Resource = [for one in var.trails : "arn:aws:s3:::${one.bucket}/${one.prefix}*"]
            },
            {
              Sid    = "Queues"
              Effect = "Allow"
              Action = [
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:ReceiveMessage",
              ]
              Resource = var.queue_arns
            },
          ] :
          statement if length(statement.Resource) > 0
        ]
      })
    }
    "watchbill-reconciler-home" = {
      role  = "reconciler"
      means = "takes the reconciler's role in each account"
      document = jsonencode({
        Version = "2012-10-17"
        Statement = [
          for statement in [
            {
              Sid      = "Take"
              Effect   = "Allow"
              Action   = ["sts:AssumeRole"]
              Resource = [for one in var.accounts : "arn:aws:iam::${one}:role/watchbill-reconciler"]
            },
          ] :
          statement if length(statement.Resource) > 0
        ]
      })
    }
    "watchbill-responder-home" = {
      role  = "responder"
      means = "takes the responder's role in each account"
      document = jsonencode({
        Version = "2012-10-17"
        Statement = [
          for statement in [
            {
              Sid      = "Take"
              Effect   = "Allow"
              Action   = ["sts:AssumeRole"]
              Resource = [for one in var.accounts : "arn:aws:iam::${one}:role/watchbill-responder"]
            },
          ] :
          statement if length(statement.Resource) > 0
        ]
      })
    }
  }
}
