# Written by tools/own_rights.py from the calls that watchbill's code makes. Change it there.

locals {
  own_path = "/watchbill-own/"
  roles = {
    reader     = "watchbill-reader"
    reconciler = "watchbill-reconciler"
    responder  = "watchbill-responder"
  }
  policies = {
    "watchbill-reader" = {
      role     = "reader"
      place    = "account"
      optional = false
      means    = "reads all of IAM and changes nothing"
      document = jsonencode({
        Version = "2012-10-17"
        Statement = [
          {
            Sid    = "Look"
            Effect = "Allow"
            Action = [
              "iam:GenerateCredentialReport",
              "iam:GetAccountAuthorizationDetails",
              "iam:GetAccountSummary",
              "iam:GetCredentialReport",
              "iam:ListAccountAliases",
            ]
            Resource = ["*"]
          },
        ]
      })
    }
    "watchbill-reader-center" = {
      role     = "reader"
      place    = "identity-center"
      optional = true
      means    = "reads the permission sets, assignments, groups and users of Identity Center; needed where it delivers access"
      document = jsonencode({
        Version = "2012-10-17"
        Statement = [
          {
            Sid    = "Assign"
            Effect = "Allow"
            Action = [
              "sso:ListAccountAssignments",
              "sso:ListAccountsForProvisionedPermissionSet",
            ]
            Resource = [
              "arn:aws:sso:::instance/${local.instance}",
              "arn:aws:sso:::permissionSet/${local.instance}/*",
              "arn:aws:sso:::account/*",
            ]
          },
          {
            Sid    = "Instance"
            Effect = "Allow"
            Action = [
              "sso:DescribePermissionSet",
              "sso:GetInlinePolicyForPermissionSet",
              "sso:GetPermissionsBoundaryForPermissionSet",
              "sso:ListAccountAssignmentsForPrincipal",
              "sso:ListCustomerManagedPolicyReferencesInPermissionSet",
              "sso:ListManagedPoliciesInPermissionSet",
              "sso:ListPermissionSets",
            ]
            Resource = [
              "arn:aws:sso:::instance/${local.instance}",
              "arn:aws:sso:::permissionSet/${local.instance}/*",
            ]
          },
          {
            Sid      = "MemberOf"
            Effect   = "Allow"
            Action   = ["organizations:DescribeOrganization"]
            Resource = ["*"]
          },
          {
            Sid    = "Store"
            Effect = "Allow"
            Action = [
              "identitystore:DescribeUser",
              "identitystore:GetUserId",
              "identitystore:ListGroupMemberships",
              "identitystore:ListGroupMembershipsForMember",
              "identitystore:ListGroups",
            ]
            Resource = [
              "arn:aws:identitystore::${local.account}:identitystore/${local.store}",
              "arn:aws:identitystore:::group/*",
              "arn:aws:identitystore:::membership/*",
              "arn:aws:identitystore:::user/*",
            ]
          },
        ]
      })
    }
    "watchbill-reader-findings" = {
      role     = "reader"
      place    = "account"
      optional = true
      means    = "writes findings to Security Hub, as the account's own product"
      document = jsonencode({
        Version = "2012-10-17"
        Statement = [
          {
            Sid      = "Findings"
            Effect   = "Allow"
            Action   = ["securityhub:BatchImportFindings"]
            Resource = ["arn:aws:securityhub:*:${local.account}:product/${local.account}/default"]
          },
        ]
      })
    }
    "watchbill-reader-organization" = {
      role     = "reader"
      place    = "account"
      optional = true
      means    = "reads the organization: its accounts and policies"
      document = jsonencode({
        Version = "2012-10-17"
        Statement = [
          {
            Sid    = "WholeOrganization"
            Effect = "Allow"
            Action = [
              "organizations:DescribeOrganization",
              "organizations:DescribePolicy",
              "organizations:ListAccountsForParent",
              "organizations:ListOrganizationalUnitsForParent",
              "organizations:ListPolicies",
              "organizations:ListRoots",
              "organizations:ListTargetsForPolicy",
            ]
            Resource = ["*"]
          },
        ]
      })
    }
    "watchbill-reconciler" = {
      role     = "reconciler"
      place    = "account"
      optional = false
      means    = "writes every policy, group and role under watchbill's path, so it decides what people hold: as strong as the strongest permission set, and for users as strong as it likes. It cannot sign in as anybody"
      document = jsonencode({
        Version = "2012-10-17"
        Statement = [
          {
            Sid    = "AnyUser"
            Effect = "Allow"
            Action = [
              "iam:DeleteUserPolicy",
              "iam:PutUserPolicy",
            ]
            Resource = ["arn:aws:iam::${local.account}:user/*"]
          },
          {
            Sid      = "AttachToGroups"
            Effect   = "Allow"
            Action   = ["iam:AttachGroupPolicy"]
            Resource = ["arn:aws:iam::${local.account}:group/watchbill/*"]
            Condition = {
              ArnLike = {
                "iam:PolicyARN" = concat(
                  ["arn:aws:iam::${local.account}:policy/watchbill/*"],
                  var.managed_policies,
                )
              }
            }
          },
          {
            Sid      = "AttachToRoles"
            Effect   = "Allow"
            Action   = ["iam:AttachRolePolicy"]
            Resource = ["arn:aws:iam::${local.account}:role/watchbill/*"]
            Condition = {
              ArnLike = {
                "iam:PolicyARN" = concat(
                  ["arn:aws:iam::${local.account}:policy/watchbill/*"],
                  var.managed_policies,
                )
              }
            }
          },
          {
            Sid      = "BoundRoles"
            Effect   = "Allow"
            Action   = ["iam:PutRolePermissionsBoundary"]
            Resource = ["arn:aws:iam::${local.account}:role/watchbill/*"]
            Condition = {
              ArnEquals = {
                "iam:PermissionsBoundary" = ["${local.ceiling}"]
              }
            }
          },
          {
            Sid      = "DenyUsers"
            Effect   = "Allow"
            Action   = ["iam:AttachUserPolicy"]
            Resource = ["arn:aws:iam::${local.account}:user/*"]
            Condition = {
              ArnEquals = {
                "iam:PolicyARN" = ["arn:aws:iam::aws:policy/AWSDenyAll"]
              }
            }
          },
          {
            Sid      = "DenyUsersByBoundary"
            Effect   = "Allow"
            Action   = ["iam:PutUserPermissionsBoundary"]
            Resource = ["arn:aws:iam::${local.account}:user/*"]
            Condition = {
              ArnEquals = {
                "iam:PermissionsBoundary" = ["arn:aws:iam::aws:policy/AWSDenyAll"]
              }
            }
          },
          {
            Sid    = "Groups"
            Effect = "Allow"
            Action = [
              "iam:AddUserToGroup",
              "iam:CreateGroup",
              "iam:DeleteGroup",
              "iam:DeleteGroupPolicy",
              "iam:DetachGroupPolicy",
            ]
            Resource = ["arn:aws:iam::${local.account}:group/watchbill/*"]
          },
          {
            Sid      = "LeaveAnyGroup"
            Effect   = "Allow"
            Action   = ["iam:RemoveUserFromGroup"]
            Resource = ["arn:aws:iam::${local.account}:group/*"]
          },
          {
            Sid    = "Look"
            Effect = "Allow"
            Action = [
              "iam:GenerateCredentialReport",
              "iam:GetAccountAuthorizationDetails",
              "iam:GetAccountSummary",
              "iam:GetCredentialReport",
              "iam:ListPolicies",
            ]
            Resource = ["*"]
          },
          {
            Sid      = "MakeRoles"
            Effect   = "Allow"
            Action   = ["iam:CreateRole"]
            Resource = ["arn:aws:iam::${local.account}:role/watchbill/*"]
            Condition = {
              ArnEquals = {
                "iam:PermissionsBoundary" = ["${local.ceiling}"]
              }
            }
          },
          {
            Sid    = "Policies"
            Effect = "Allow"
            Action = [
              "iam:CreatePolicy",
              "iam:CreatePolicyVersion",
              "iam:DeletePolicy",
              "iam:DeletePolicyVersion",
            ]
            Resource = ["arn:aws:iam::${local.account}:policy/watchbill/*"]
          },
          {
            Sid    = "Roles"
            Effect = "Allow"
            Action = [
              "iam:DeleteRole",
              "iam:DeleteRolePolicy",
              "iam:DetachRolePolicy",
              "iam:UpdateAssumeRolePolicy",
            ]
            Resource = ["arn:aws:iam::${local.account}:role/watchbill/*"]
          },
          {
            Sid      = "TagPolicies"
            Effect   = "Allow"
            Action   = ["iam:TagPolicy"]
            Resource = ["arn:aws:iam::${local.account}:policy/watchbill/*"]
            Condition = {
              "ForAllValues:StringEquals" = {
                "aws:TagKeys" = ["watchbill:team"]
              }
            }
          },
          {
            Sid      = "TagRoles"
            Effect   = "Allow"
            Action   = ["iam:TagRole"]
            Resource = ["arn:aws:iam::${local.account}:role/watchbill/*"]
            Condition = {
              "ForAllValues:StringEquals" = {
                "aws:TagKeys" = ["watchbill:team"]
              }
            }
          },
          {
            Sid      = "TagUsers"
            Effect   = "Allow"
            Action   = ["iam:TagUser"]
            Resource = ["arn:aws:iam::${local.account}:user/watchbill/*"]
            Condition = {
              "ForAllValues:StringEquals" = {
                "aws:TagKeys" = ["watchbill:team"]
              }
            }
          },
          {
            Sid    = "Users"
            Effect = "Allow"
            Action = [
              "iam:CreateUser",
              "iam:DetachUserPolicy",
            ]
            Resource = ["arn:aws:iam::${local.account}:user/watchbill/*"]
          },
          {
            Sid    = "WhoHasAName"
            Effect = "Allow"
            Action = [
              "iam:GetGroup",
              "iam:GetPolicy",
              "iam:GetPolicyVersion",
              "iam:GetRole",
              "iam:GetUser",
            ]
            Resource = [
              "arn:aws:iam::${local.account}:group/*",
              "arn:aws:iam::${local.account}:policy/*",
              "arn:aws:iam::${local.account}:role/*",
              "arn:aws:iam::${local.account}:user/*",
            ]
          },
        ]
      })
    }
    "watchbill-reconciler-onboard" = {
      role     = "reconciler"
      place    = "account"
      optional = true
      means    = "sets the first password of users under watchbill's path: it can sign in as whoever has none yet"
      document = jsonencode({
        Version = "2012-10-17"
        Statement = [
          {
            Sid    = "AnyUser"
            Effect = "Allow"
            Action = [
              "iam:GetLoginProfile",
              "iam:ListAccessKeys",
              "iam:ListMFADevices",
              "iam:ListSSHPublicKeys",
              "iam:ListServiceSpecificCredentials",
              "iam:ListSigningCertificates",
            ]
            Resource = ["arn:aws:iam::${local.account}:user/*"]
          },
          {
            Sid      = "Users"
            Effect   = "Allow"
            Action   = ["iam:CreateLoginProfile"]
            Resource = ["arn:aws:iam::${local.account}:user/watchbill/*"]
          },
        ]
      })
    }
    "watchbill-reconciler-shells" = {
      role     = "reconciler"
      place    = "account"
      optional = true
      means    = "ends open shells of Session Manager, whoever's they are; needed where a permission set has `end_after`"
      document = jsonencode({
        Version = "2012-10-17"
        Statement = [
          {
            Sid      = "Look"
            Effect   = "Allow"
            Action   = ["ssm:DescribeSessions"]
            Resource = ["*"]
          },
          {
            Sid      = "Shells"
            Effect   = "Allow"
            Action   = ["ssm:TerminateSession"]
            Resource = ["arn:aws:ssm:*:${local.account}:session/*"]
          },
        ]
      })
    }
    "watchbill-reconciler-center" = {
      role     = "reconciler"
      place    = "identity-center"
      optional = true
      means    = "writes the permission sets of Identity Center that carry watchbill's tag, puts anybody into any group of it, and assigns those sets to anybody: it is an administrator of every account that Identity Center reaches"
      document = jsonencode({
        Version = "2012-10-17"
        Statement = [
          {
            Sid    = "AroundSets"
            Effect = "Allow"
            Action = [
              "sso:AttachCustomerManagedPolicyReferenceToPermissionSet",
              "sso:AttachManagedPolicyToPermissionSet",
              "sso:CreateAccountAssignment",
              "sso:DeleteAccountAssignment",
              "sso:DeletePermissionSet",
              "sso:DetachCustomerManagedPolicyReferenceFromPermissionSet",
              "sso:DetachManagedPolicyFromPermissionSet",
              "sso:ProvisionPermissionSet",
              "sso:PutPermissionsBoundaryToPermissionSet",
              "sso:UpdatePermissionSet",
            ]
            Resource = [
              "arn:aws:sso:::instance/${local.instance}",
              "arn:aws:sso:::account/*",
            ]
          },
          {
            Sid    = "Assign"
            Effect = "Allow"
            Action = [
              "sso:ListAccountAssignments",
              "sso:ListAccountsForProvisionedPermissionSet",
            ]
            Resource = [
              "arn:aws:sso:::instance/${local.instance}",
              "arn:aws:sso:::permissionSet/${local.instance}/*",
              "arn:aws:sso:::account/*",
            ]
          },
          {
            Sid    = "Instance"
            Effect = "Allow"
            Action = [
              "sso:DescribeAccountAssignmentCreationStatus",
              "sso:DescribeAccountAssignmentDeletionStatus",
              "sso:DescribePermissionSet",
              "sso:DescribePermissionSetProvisioningStatus",
              "sso:GetInlinePolicyForPermissionSet",
              "sso:GetPermissionsBoundaryForPermissionSet",
              "sso:ListAccountAssignmentsForPrincipal",
              "sso:ListCustomerManagedPolicyReferencesInPermissionSet",
              "sso:ListManagedPoliciesInPermissionSet",
              "sso:ListPermissionSets",
            ]
            Resource = [
              "arn:aws:sso:::instance/${local.instance}",
              "arn:aws:sso:::permissionSet/${local.instance}/*",
            ]
          },
          {
            Sid    = "MakeSets"
            Effect = "Allow"
            Action = ["sso:CreatePermissionSet"]
            Resource = [
              "arn:aws:sso:::instance/${local.instance}",
              "arn:aws:sso:::permissionSet/${local.instance}/*",
            ]
            Condition = {
              StringLike = {
                "aws:RequestTag/watchbill:team" = ["*"]
              }
            }
          },
          {
            Sid      = "MemberOf"
            Effect   = "Allow"
            Action   = ["organizations:DescribeOrganization"]
            Resource = ["*"]
          },
          {
            Sid    = "OwnSets"
            Effect = "Allow"
            Action = [
              "sso:AttachCustomerManagedPolicyReferenceToPermissionSet",
              "sso:AttachManagedPolicyToPermissionSet",
              "sso:CreateAccountAssignment",
              "sso:DeleteAccountAssignment",
              "sso:DeletePermissionSet",
              "sso:DetachCustomerManagedPolicyReferenceFromPermissionSet",
              "sso:DetachManagedPolicyFromPermissionSet",
              "sso:ProvisionPermissionSet",
              "sso:PutPermissionsBoundaryToPermissionSet",
              "sso:UpdatePermissionSet",
            ]
            Resource = ["arn:aws:sso:::permissionSet/${local.instance}/*"]
            Condition = {
              StringLike = {
                "aws:ResourceTag/watchbill:team" = ["*"]
              }
            }
          },
          {
            Sid    = "Store"
            Effect = "Allow"
            Action = [
              "identitystore:CreateGroup",
              "identitystore:CreateGroupMembership",
              "identitystore:DeleteGroup",
              "identitystore:DeleteGroupMembership",
              "identitystore:DescribeUser",
              "identitystore:GetUserId",
              "identitystore:ListGroupMemberships",
              "identitystore:ListGroupMembershipsForMember",
              "identitystore:ListGroups",
            ]
            Resource = [
              "arn:aws:identitystore::${local.account}:identitystore/${local.store}",
              "arn:aws:identitystore:::group/*",
              "arn:aws:identitystore:::membership/*",
              "arn:aws:identitystore:::user/*",
            ]
          },
          {
            Sid    = "TagSets"
            Effect = "Allow"
            Action = ["sso:TagResource"]
            Resource = [
              "arn:aws:sso:::instance/${local.instance}",
              "arn:aws:sso:::permissionSet/${local.instance}/*",
            ]
            Condition = {
              "ForAllValues:StringEquals" = {
                "aws:TagKeys" = ["watchbill:team"]
              }
            }
          },
        ]
      })
    }
    "watchbill-reconciler-organization" = {
      role     = "reconciler"
      place    = "account"
      optional = true
      means    = "reads the organization: its accounts and policies"
      document = jsonencode({
        Version = "2012-10-17"
        Statement = [
          {
            Sid    = "WholeOrganization"
            Effect = "Allow"
            Action = [
              "organizations:DescribeOrganization",
              "organizations:DescribePolicy",
              "organizations:ListAccountsForParent",
              "organizations:ListOrganizationalUnitsForParent",
              "organizations:ListPolicies",
              "organizations:ListRoots",
              "organizations:ListTargetsForPolicy",
            ]
            Resource = ["*"]
          },
        ]
      })
    }
    "watchbill-responder" = {
      role     = "responder"
      place    = "account"
      optional = false
      means    = "can shut anybody out, and lift such a deny again; it can give nobody anything new"
      document = jsonencode({
        Version = "2012-10-17"
        Statement = [
          {
            Sid    = "AnyUser"
            Effect = "Allow"
            Action = [
              "iam:GetLoginProfile",
              "iam:ListAccessKeys",
              "iam:ListMFADevices",
              "iam:ListSSHPublicKeys",
              "iam:ListServiceSpecificCredentials",
              "iam:ListSigningCertificates",
              "iam:UpdateAccessKey",
              "iam:UpdateSSHPublicKey",
              "iam:UpdateServiceSpecificCredential",
              "iam:UpdateSigningCertificate",
            ]
            Resource = ["arn:aws:iam::${local.account}:user/*"]
          },
          {
            Sid    = "DenyUsers"
            Effect = "Allow"
            Action = [
              "iam:AttachUserPolicy",
              "iam:DetachUserPolicy",
            ]
            Resource = ["arn:aws:iam::${local.account}:user/*"]
            Condition = {
              ArnEquals = {
                "iam:PolicyARN" = ["arn:aws:iam::aws:policy/AWSDenyAll"]
              }
            }
          },
          {
            Sid    = "DenyUsersByBoundary"
            Effect = "Allow"
            Action = [
              "iam:DeleteUserPermissionsBoundary",
              "iam:PutUserPermissionsBoundary",
            ]
            Resource = ["arn:aws:iam::${local.account}:user/*"]
            Condition = {
              ArnEquals = {
                "iam:PermissionsBoundary" = ["arn:aws:iam::aws:policy/AWSDenyAll"]
              }
            }
          },
          {
            Sid      = "Groups"
            Effect   = "Allow"
            Action   = ["iam:RemoveUserFromGroup"]
            Resource = ["arn:aws:iam::${local.account}:group/watchbill/*"]
          },
          {
            Sid    = "Look"
            Effect = "Allow"
            Action = [
              "iam:GenerateCredentialReport",
              "iam:GetAccountAuthorizationDetails",
              "iam:GetAccountSummary",
              "iam:GetCredentialReport",
              "ssm:DescribeSessions",
            ]
            Resource = ["*"]
          },
          {
            Sid      = "Shells"
            Effect   = "Allow"
            Action   = ["ssm:TerminateSession"]
            Resource = ["arn:aws:ssm:*:${local.account}:session/*"]
          },
          {
            Sid    = "Protected"
            Effect = "Deny"
            Action = [
              "iam:AttachUserPolicy",
              "iam:DeleteUserPermissionsBoundary",
              "iam:DetachUserPolicy",
              "iam:PutUserPermissionsBoundary",
              "iam:UpdateAccessKey",
              "iam:UpdateSSHPublicKey",
              "iam:UpdateServiceSpecificCredential",
              "iam:UpdateSigningCertificate",
            ]
            Resource = concat(
              [for one in var.break_glass_users : "arn:aws:iam::${local.account}:user/${one}"],
              [for one in var.break_glass_users : "arn:aws:iam::${local.account}:user/*/${one}"],
            )
          },
        ]
      })
    }
    "watchbill-responder-freeze-policy" = {
      role     = "responder"
      place    = "account"
      optional = true
      means    = "writes the one policy watchbill-freeze, which lies on every on-call role: it ends live sessions by it, and could write an Allow there, which whoever is on watch would have as far as guards, fence and ceiling let it"
      document = jsonencode({
        Version = "2012-10-17"
        Statement = [
          {
            Sid    = "FreezePolicy"
            Effect = "Allow"
            Action = [
              "iam:CreatePolicyVersion",
              "iam:DeletePolicyVersion",
              "iam:GetPolicy",
              "iam:GetPolicyVersion",
            ]
            Resource = ["arn:aws:iam::${local.account}:policy/watchbill/watchbill-freeze"]
          },
        ]
      })
    }
    "watchbill-responder-restore" = {
      role     = "responder"
      place    = "account"
      optional = true
      means    = "puts people into watchbill's groups, sets any boundary and deletes inline policies of users: it can give anybody what any of these groups has, and take off what bounds or denies them"
      document = jsonencode({
        Version = "2012-10-17"
        Statement = [
          {
            Sid    = "AnyUser"
            Effect = "Allow"
            Action = [
              "iam:DeleteUserPolicy",
              "iam:PutUserPermissionsBoundary",
            ]
            Resource = ["arn:aws:iam::${local.account}:user/*"]
          },
          {
            Sid      = "Groups"
            Effect   = "Allow"
            Action   = ["iam:AddUserToGroup"]
            Resource = ["arn:aws:iam::${local.account}:group/watchbill/*"]
          },
          {
            Sid    = "Protected"
            Effect = "Deny"
            Action = [
              "iam:DeleteUserPolicy",
              "iam:PutUserPermissionsBoundary",
            ]
            Resource = concat(
              [for one in var.break_glass_users : "arn:aws:iam::${local.account}:user/${one}"],
              [for one in var.break_glass_users : "arn:aws:iam::${local.account}:user/*/${one}"],
            )
          },
        ]
      })
    }
    "watchbill-responder-evict" = {
      role     = "responder"
      place    = "account"
      optional = true
      means    = "deletes passwords, keys and MFA devices, which nobody gets back"
      document = jsonencode({
        Version = "2012-10-17"
        Statement = [
          {
            Sid    = "AnyUser"
            Effect = "Allow"
            Action = [
              "iam:DeactivateMFADevice",
              "iam:DeleteAccessKey",
              "iam:DeleteLoginProfile",
            ]
            Resource = ["arn:aws:iam::${local.account}:user/*"]
          },
          {
            Sid      = "Devices"
            Effect   = "Allow"
            Action   = ["iam:DeleteVirtualMFADevice"]
            Resource = ["arn:aws:iam::${local.account}:mfa/*"]
          },
          {
            Sid    = "Protected"
            Effect = "Deny"
            Action = [
              "iam:DeactivateMFADevice",
              "iam:DeleteAccessKey",
              "iam:DeleteLoginProfile",
            ]
            Resource = concat(
              [for one in var.break_glass_users : "arn:aws:iam::${local.account}:user/${one}"],
              [for one in var.break_glass_users : "arn:aws:iam::${local.account}:user/*/${one}"],
            )
          },
        ]
      })
    }
    "watchbill-responder-offboard" = {
      role     = "responder"
      place    = "account"
      optional = true
      means    = "deletes users with all they have, for good, and takes anybody out of any group; policies it takes off those alone whose boundary is AWSDenyAll, which the responder can make it"
      document = jsonencode({
        Version = "2012-10-17"
        Statement = [
          {
            Sid    = "AnyUser"
            Effect = "Allow"
            Action = [
              "iam:DeactivateMFADevice",
              "iam:DeleteAccessKey",
              "iam:DeleteLoginProfile",
              "iam:DeleteSSHPublicKey",
              "iam:DeleteServiceSpecificCredential",
              "iam:DeleteSigningCertificate",
              "iam:DeleteUser",
            ]
            Resource = ["arn:aws:iam::${local.account}:user/*"]
          },
          {
            Sid      = "Devices"
            Effect   = "Allow"
            Action   = ["iam:DeleteVirtualMFADevice"]
            Resource = ["arn:aws:iam::${local.account}:mfa/*"]
          },
          {
            Sid      = "LeaveAnyGroup"
            Effect   = "Allow"
            Action   = ["iam:RemoveUserFromGroup"]
            Resource = ["arn:aws:iam::${local.account}:group/*"]
          },
          {
            Sid    = "UsersShutOut"
            Effect = "Allow"
            Action = [
              "iam:DeleteUserPolicy",
              "iam:DetachUserPolicy",
            ]
            Resource = ["arn:aws:iam::${local.account}:user/*"]
            Condition = {
              ArnEquals = {
                "iam:PermissionsBoundary" = ["arn:aws:iam::aws:policy/AWSDenyAll"]
              }
            }
          },
          {
            Sid    = "Protected"
            Effect = "Deny"
            Action = [
              "iam:DeactivateMFADevice",
              "iam:DeleteAccessKey",
              "iam:DeleteLoginProfile",
              "iam:DeleteSSHPublicKey",
              "iam:DeleteServiceSpecificCredential",
              "iam:DeleteSigningCertificate",
              "iam:DeleteUser",
              "iam:DeleteUserPolicy",
              "iam:DetachUserPolicy",
            ]
            Resource = concat(
              [for one in var.break_glass_users : "arn:aws:iam::${local.account}:user/${one}"],
              [for one in var.break_glass_users : "arn:aws:iam::${local.account}:user/*/${one}"],
            )
          },
        ]
      })
    }
    "watchbill-responder-assist" = {
      role     = "responder"
      place    = "account"
      optional = true
      means    = "sets passwords and takes MFA devices off: it can sign in as anybody who is not protected"
      document = jsonencode({
        Version = "2012-10-17"
        Statement = [
          {
            Sid    = "AnyUser"
            Effect = "Allow"
            Action = [
              "iam:CreateLoginProfile",
              "iam:DeactivateMFADevice",
              "iam:UpdateLoginProfile",
            ]
            Resource = ["arn:aws:iam::${local.account}:user/*"]
          },
          {
            Sid      = "Devices"
            Effect   = "Allow"
            Action   = ["iam:DeleteVirtualMFADevice"]
            Resource = ["arn:aws:iam::${local.account}:mfa/*"]
          },
          {
            Sid    = "Protected"
            Effect = "Deny"
            Action = [
              "iam:CreateLoginProfile",
              "iam:DeactivateMFADevice",
              "iam:UpdateLoginProfile",
            ]
            Resource = concat(
              [for one in var.break_glass_users : "arn:aws:iam::${local.account}:user/${one}"],
              [for one in var.break_glass_users : "arn:aws:iam::${local.account}:user/*/${one}"],
            )
          },
        ]
      })
    }
    "watchbill-responder-center" = {
      role     = "responder"
      place    = "identity-center"
      optional = false
      means    = "takes assignments and memberships of Identity Center, and writes the one policy of the organization that lists the frozen, which can deny and never give"
      document = jsonencode({
        Version = "2012-10-17"
        Statement = [
          {
            Sid    = "Assign"
            Effect = "Allow"
            Action = ["sso:DeleteAccountAssignment"]
            Resource = [
              "arn:aws:sso:::instance/${local.instance}",
              "arn:aws:sso:::permissionSet/${local.instance}/*",
              "arn:aws:sso:::account/*",
            ]
          },
          {
            Sid    = "Frozen"
            Effect = "Allow"
            Action = [
              "organizations:DescribePolicy",
              "organizations:ListTargetsForPolicy",
              "organizations:UpdatePolicy",
            ]
            Resource = ["arn:aws:organizations::*:policy/*/service_control_policy/${local.frozen}"]
          },
          {
            Sid    = "Instance"
            Effect = "Allow"
            Action = [
              "sso:DescribeAccountAssignmentDeletionStatus",
              "sso:GetInlinePolicyForPermissionSet",
              "sso:ListAccountAssignmentsForPrincipal",
            ]
            Resource = [
              "arn:aws:sso:::instance/${local.instance}",
              "arn:aws:sso:::permissionSet/${local.instance}/*",
            ]
          },
          {
            Sid      = "Organization"
            Effect   = "Allow"
            Action   = ["organizations:DescribeOrganization"]
            Resource = ["*"]
          },
          {
            Sid    = "Store"
            Effect = "Allow"
            Action = [
              "identitystore:DeleteGroupMembership",
              "identitystore:DescribeUser",
              "identitystore:GetUserId",
              "identitystore:ListGroupMembershipsForMember",
            ]
            Resource = [
              "arn:aws:identitystore::${local.account}:identitystore/${local.store}",
              "arn:aws:identitystore:::group/*",
              "arn:aws:identitystore:::membership/*",
              "arn:aws:identitystore:::user/*",
            ]
          },
        ]
      })
    }
    "watchbill-responder-center-restore" = {
      role     = "responder"
      place    = "identity-center"
      optional = true
      means    = "assigns any permission set to anybody in any account: it is an administrator of them all"
      document = jsonencode({
        Version = "2012-10-17"
        Statement = [
          {
            Sid    = "Assign"
            Effect = "Allow"
            Action = [
              "sso:CreateAccountAssignment",
              "sso:ListAccountAssignments",
            ]
            Resource = [
              "arn:aws:sso:::instance/${local.instance}",
              "arn:aws:sso:::permissionSet/${local.instance}/*",
              "arn:aws:sso:::account/*",
            ]
          },
          {
            Sid    = "Instance"
            Effect = "Allow"
            Action = [
              "sso:DescribeAccountAssignmentCreationStatus",
              "sso:DescribePermissionSet",
            ]
            Resource = [
              "arn:aws:sso:::instance/${local.instance}",
              "arn:aws:sso:::permissionSet/${local.instance}/*",
            ]
          },
          {
            Sid    = "Store"
            Effect = "Allow"
            Action = [
              "identitystore:CreateGroupMembership",
              "identitystore:ListGroups",
            ]
            Resource = [
              "arn:aws:identitystore::${local.account}:identitystore/${local.store}",
              "arn:aws:identitystore:::group/*",
              "arn:aws:identitystore:::membership/*",
              "arn:aws:identitystore:::user/*",
            ]
          },
        ]
      })
    }
  }
  boundaries = {
    "watchbill-reader-boundary" = jsonencode({
      Version = "2012-10-17"
      Statement = [
        {
          Sid    = "Most"
          Effect = "Allow"
          Action = [
            "cloudtrail:ListPublicKeys",
            "cloudtrail:LookupEvents",
            "iam:GenerateCredentialReport",
            "iam:GetAccountAuthorizationDetails",
            "iam:GetAccountSummary",
            "iam:GetCredentialReport",
            "iam:ListAccountAliases",
            "identitystore:DescribeUser",
            "identitystore:GetUserId",
            "identitystore:ListGroupMemberships",
            "identitystore:ListGroupMembershipsForMember",
            "identitystore:ListGroups",
            "kms:Decrypt",
            "organizations:DescribeOrganization",
            "organizations:DescribePolicy",
            "organizations:ListAccountsForParent",
            "organizations:ListOrganizationalUnitsForParent",
            "organizations:ListPolicies",
            "organizations:ListRoots",
            "organizations:ListTargetsForPolicy",
            "s3:GetObject",
            "s3:ListBucket",
            "securityhub:BatchImportFindings",
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:ReceiveMessage",
            "sso:DescribePermissionSet",
            "sso:GetInlinePolicyForPermissionSet",
            "sso:GetPermissionsBoundaryForPermissionSet",
            "sso:ListAccountAssignments",
            "sso:ListAccountAssignmentsForPrincipal",
            "sso:ListAccountsForProvisionedPermissionSet",
            "sso:ListCustomerManagedPolicyReferencesInPermissionSet",
            "sso:ListManagedPoliciesInPermissionSet",
            "sso:ListPermissionSets",
            "sts:AssumeRole",
          ]
          Resource = "*"
        },
      ]
    })
    "watchbill-reconciler-boundary" = jsonencode({
      Version = "2012-10-17"
      Statement = [
        {
          Sid    = "Most"
          Effect = "Allow"
          Action = [
            "iam:AddUserToGroup",
            "iam:AttachGroupPolicy",
            "iam:AttachRolePolicy",
            "iam:AttachUserPolicy",
            "iam:CreateGroup",
            "iam:CreateLoginProfile",
            "iam:CreatePolicy",
            "iam:CreatePolicyVersion",
            "iam:CreateRole",
            "iam:CreateUser",
            "iam:DeleteGroup",
            "iam:DeleteGroupPolicy",
            "iam:DeletePolicy",
            "iam:DeletePolicyVersion",
            "iam:DeleteRole",
            "iam:DeleteRolePolicy",
            "iam:DeleteUserPolicy",
            "iam:DetachGroupPolicy",
            "iam:DetachRolePolicy",
            "iam:DetachUserPolicy",
            "iam:GenerateCredentialReport",
            "iam:GetAccountAuthorizationDetails",
            "iam:GetAccountSummary",
            "iam:GetCredentialReport",
            "iam:GetGroup",
            "iam:GetLoginProfile",
            "iam:GetPolicy",
            "iam:GetPolicyVersion",
            "iam:GetRole",
            "iam:GetUser",
            "iam:ListAccessKeys",
            "iam:ListMFADevices",
            "iam:ListPolicies",
            "iam:ListSSHPublicKeys",
            "iam:ListServiceSpecificCredentials",
            "iam:ListSigningCertificates",
            "iam:PutRolePermissionsBoundary",
            "iam:PutUserPermissionsBoundary",
            "iam:PutUserPolicy",
            "iam:RemoveUserFromGroup",
            "iam:TagPolicy",
            "iam:TagRole",
            "iam:TagUser",
            "iam:UpdateAssumeRolePolicy",
            "identitystore:CreateGroup",
            "identitystore:CreateGroupMembership",
            "identitystore:DeleteGroup",
            "identitystore:DeleteGroupMembership",
            "identitystore:DescribeUser",
            "identitystore:GetUserId",
            "identitystore:ListGroupMemberships",
            "identitystore:ListGroupMembershipsForMember",
            "identitystore:ListGroups",
            "organizations:DescribeOrganization",
            "organizations:DescribePolicy",
            "organizations:ListAccountsForParent",
            "organizations:ListOrganizationalUnitsForParent",
            "organizations:ListPolicies",
            "organizations:ListRoots",
            "organizations:ListTargetsForPolicy",
            "ssm:DescribeSessions",
            "ssm:TerminateSession",
            "sso:AttachCustomerManagedPolicyReferenceToPermissionSet",
            "sso:AttachManagedPolicyToPermissionSet",
            "sso:CreateAccountAssignment",
            "sso:CreatePermissionSet",
            "sso:DeleteAccountAssignment",
            "sso:DeletePermissionSet",
            "sso:DescribeAccountAssignmentCreationStatus",
            "sso:DescribeAccountAssignmentDeletionStatus",
            "sso:DescribePermissionSet",
            "sso:DescribePermissionSetProvisioningStatus",
            "sso:DetachCustomerManagedPolicyReferenceFromPermissionSet",
            "sso:DetachManagedPolicyFromPermissionSet",
            "sso:GetInlinePolicyForPermissionSet",
            "sso:GetPermissionsBoundaryForPermissionSet",
            "sso:ListAccountAssignments",
            "sso:ListAccountAssignmentsForPrincipal",
            "sso:ListAccountsForProvisionedPermissionSet",
            "sso:ListCustomerManagedPolicyReferencesInPermissionSet",
            "sso:ListManagedPoliciesInPermissionSet",
            "sso:ListPermissionSets",
            "sso:ProvisionPermissionSet",
            "sso:PutPermissionsBoundaryToPermissionSet",
            "sso:TagResource",
            "sso:UpdatePermissionSet",
            "sts:AssumeRole",
          ]
          Resource = "*"
        },
        {
          Sid    = "NotItself"
          Effect = "Deny"
          Action = [
            "iam:AddUserToGroup",
            "iam:AttachGroupPolicy",
            "iam:AttachRolePolicy",
            "iam:AttachUserPolicy",
            "iam:CreateGroup",
            "iam:CreateLoginProfile",
            "iam:CreatePolicy",
            "iam:CreatePolicyVersion",
            "iam:CreateRole",
            "iam:CreateUser",
            "iam:DeleteGroup",
            "iam:DeleteGroupPolicy",
            "iam:DeletePolicy",
            "iam:DeletePolicyVersion",
            "iam:DeleteRole",
            "iam:DeleteRolePolicy",
            "iam:DeleteUserPolicy",
            "iam:DetachGroupPolicy",
            "iam:DetachRolePolicy",
            "iam:DetachUserPolicy",
            "iam:PutRolePermissionsBoundary",
            "iam:PutUserPermissionsBoundary",
            "iam:PutUserPolicy",
            "iam:RemoveUserFromGroup",
            "iam:TagPolicy",
            "iam:TagRole",
            "iam:TagUser",
            "iam:UpdateAssumeRolePolicy",
          ]
          Resource = [
            "arn:aws:iam::${local.account}:role/watchbill-reader",
            "arn:aws:iam::${local.account}:role/watchbill-reconciler",
            "arn:aws:iam::${local.account}:role/watchbill-responder",
            "arn:aws:iam::${local.account}:policy/watchbill-own/*",
          ]
        },
      ]
    })
    "watchbill-responder-boundary" = jsonencode({
      Version = "2012-10-17"
      Statement = [
        {
          Sid    = "Most"
          Effect = "Allow"
          Action = [
            "iam:AddUserToGroup",
            "iam:AttachUserPolicy",
            "iam:CreateLoginProfile",
            "iam:CreatePolicyVersion",
            "iam:DeactivateMFADevice",
            "iam:DeleteAccessKey",
            "iam:DeleteLoginProfile",
            "iam:DeletePolicyVersion",
            "iam:DeleteSSHPublicKey",
            "iam:DeleteServiceSpecificCredential",
            "iam:DeleteSigningCertificate",
            "iam:DeleteUser",
            "iam:DeleteUserPermissionsBoundary",
            "iam:DeleteUserPolicy",
            "iam:DeleteVirtualMFADevice",
            "iam:DetachUserPolicy",
            "iam:GenerateCredentialReport",
            "iam:GetAccountAuthorizationDetails",
            "iam:GetAccountSummary",
            "iam:GetCredentialReport",
            "iam:GetLoginProfile",
            "iam:GetPolicy",
            "iam:GetPolicyVersion",
            "iam:ListAccessKeys",
            "iam:ListMFADevices",
            "iam:ListSSHPublicKeys",
            "iam:ListServiceSpecificCredentials",
            "iam:ListSigningCertificates",
            "iam:PutUserPermissionsBoundary",
            "iam:RemoveUserFromGroup",
            "iam:UpdateAccessKey",
            "iam:UpdateLoginProfile",
            "iam:UpdateSSHPublicKey",
            "iam:UpdateServiceSpecificCredential",
            "iam:UpdateSigningCertificate",
            "identitystore:CreateGroupMembership",
            "identitystore:DeleteGroupMembership",
            "identitystore:DescribeUser",
            "identitystore:GetUserId",
            "identitystore:ListGroupMembershipsForMember",
            "identitystore:ListGroups",
            "organizations:DescribeOrganization",
            "organizations:DescribePolicy",
            "organizations:ListTargetsForPolicy",
            "organizations:UpdatePolicy",
            "ssm:DescribeSessions",
            "ssm:TerminateSession",
            "sso:CreateAccountAssignment",
            "sso:DeleteAccountAssignment",
            "sso:DescribeAccountAssignmentCreationStatus",
            "sso:DescribeAccountAssignmentDeletionStatus",
            "sso:DescribePermissionSet",
            "sso:GetInlinePolicyForPermissionSet",
            "sso:ListAccountAssignments",
            "sso:ListAccountAssignmentsForPrincipal",
            "sts:AssumeRole",
          ]
          Resource = "*"
        },
        {
          Sid    = "NotItself"
          Effect = "Deny"
          Action = [
            "iam:AddUserToGroup",
            "iam:AttachUserPolicy",
            "iam:CreateLoginProfile",
            "iam:CreatePolicyVersion",
            "iam:DeactivateMFADevice",
            "iam:DeleteAccessKey",
            "iam:DeleteLoginProfile",
            "iam:DeletePolicyVersion",
            "iam:DeleteSSHPublicKey",
            "iam:DeleteServiceSpecificCredential",
            "iam:DeleteSigningCertificate",
            "iam:DeleteUser",
            "iam:DeleteUserPermissionsBoundary",
            "iam:DeleteUserPolicy",
            "iam:DeleteVirtualMFADevice",
            "iam:DetachUserPolicy",
            "iam:PutUserPermissionsBoundary",
            "iam:RemoveUserFromGroup",
            "iam:UpdateAccessKey",
            "iam:UpdateLoginProfile",
            "iam:UpdateSSHPublicKey",
            "iam:UpdateServiceSpecificCredential",
            "iam:UpdateSigningCertificate",
          ]
          Resource = [
            "arn:aws:iam::${local.account}:role/watchbill-reader",
            "arn:aws:iam::${local.account}:role/watchbill-reconciler",
            "arn:aws:iam::${local.account}:role/watchbill-responder",
            "arn:aws:iam::${local.account}:policy/watchbill-own/*",
          ]
        },
      ]
    })
  }
  patterns = {
    break_glass = jsonencode({
      "detail-type" = [
        "AWS API Call via CloudTrail",
        "AWS Console Sign In via CloudTrail",
      ]
      detail = {
        userIdentity = {
          type     = ["IAMUser"]
          userName = var.break_glass_users
        }
      }
    })
    by_others = jsonencode({
      source        = ["aws.iam"]
      "detail-type" = ["AWS API Call via CloudTrail"]
      "$or" = [
        {
          detail = {
            "$or" = [
              {
                requestParameters = {
                  policyArn = [
                    {
                      wildcard = "*:policy/watchbill/*"
                    },
                  ]
                }
              },
              {
                requestParameters = {
                  path = [
                    {
                      prefix = "/watchbill/"
                    },
                  ]
                }
              },
              {
                requestParameters = {
                  groupName = [
                    {
                      prefix = "grant-"
                    },
                    {
                      prefix = "job-"
                    },
                    {
                      prefix = "oncall-"
                    },
                  ]
                }
              },
              {
                requestParameters = {
                  roleName = [
                    {
                      prefix = "oncall-"
                    },
                  ]
                }
              },
            ]
            userIdentity = {
              "$or" = [
                {
                  sessionContext = {
                    sessionIssuer = {
                      arn = [
                        {
                          exists = false
                        },
                      ]
                    }
                  }
                },
                {
                  sessionContext = {
                    sessionIssuer = {
                      arn = [
                        {
                          "anything-but" = [
                            "arn:aws:iam::${local.account}:role/watchbill-reader",
                            "arn:aws:iam::${local.account}:role/watchbill-reconciler",
                            "arn:aws:iam::${local.account}:role/watchbill-responder",
                          ]
                        },
                      ]
                    }
                  }
                },
              ]
            }
          }
        },
        {
          detail = {
            "$or" = [
              {
                requestParameters = {
                  policyArn = [
                    {
                      wildcard = "*:policy/watchbill-own/*"
                    },
                  ]
                }
              },
              {
                requestParameters = {
                  path = [
                    {
                      prefix = "/watchbill-own/"
                    },
                  ]
                }
              },
              {
                requestParameters = {
                  roleName = [
                    "watchbill-reader",
                    "watchbill-reconciler",
                    "watchbill-responder",
                  ]
                }
              },
            ]
          }
        },
      ]
    })
    alive = jsonencode({
      source        = ["aws.iam"]
      "detail-type" = ["AWS API Call via CloudTrail"]
      detail = {
        userIdentity = {
          sessionContext = {
            sessionIssuer = {
              arn = [
                "arn:aws:iam::${local.account}:role/watchbill-reader",
                "arn:aws:iam::${local.account}:role/watchbill-reconciler",
                "arn:aws:iam::${local.account}:role/watchbill-responder",
              ]
            }
          }
        }
        eventName = ["GetAccountAuthorizationDetails"]
      }
    })
    horizon = jsonencode({
      source        = ["aws.iam"]
      "detail-type" = ["AWS API Call via CloudTrail"]
      detail = {
        userIdentity = {
          sessionContext = {
            sessionIssuer = {
              arn = ["arn:aws:iam::${local.account}:role/watchbill-reconciler"]
            }
          }
        }
        eventName = [
          "CreatePolicy",
          "CreatePolicyVersion",
        ]
        errorCode = [
          {
            exists = false
          },
        ]
        "$or" = [
          {
            requestParameters = {
              policyArn = [
                {
                  wildcard = "*:policy/watchbill/fence-*"
                },
              ]
            }
          },
          {
            requestParameters = {
              policyName = [
                {
                  prefix = "fence-"
                },
              ]
            }
          },
        ]
      }
    })
  }
}
