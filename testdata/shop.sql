-- The demo shop: small, but with every awkward thing that databases of real applications hold.
-- Each statement ends with a semicolon at the end of a line. Loads the same into MariaDB and MySQL.
-- Wants a session without NO_ZERO_DATE and with foreign key checks off (users and teams refer to each other).

CREATE TABLE `migrations` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `migration` varchar(255) NOT NULL,
  `batch` int NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE `teams` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `owner_id` bigint unsigned DEFAULT NULL,
  `name` varchar(120) NOT NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`),
  KEY `teams_owner_id` (`owner_id`),
  CONSTRAINT `teams_owner` FOREIGN KEY (`owner_id`) REFERENCES `users` (`id`) ON DELETE SET NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE `users` (
  `id` bigint unsigned NOT NULL AUTO_INCREMENT,
  `team_id` int unsigned DEFAULT NULL,
  `email` varchar(190) NOT NULL,
  `name` varchar(120) NOT NULL,
  `nickname` varchar(60) CHARACTER SET latin1 COLLATE latin1_swedish_ci DEFAULT NULL COMMENT 'older than the rest: latin1',
  `phone` varchar(40) DEFAULT NULL,
  `password` varchar(255) NOT NULL,
  `remember_token` varchar(100) DEFAULT NULL,
  `address` varchar(255) DEFAULT NULL,
  `birthday` date DEFAULT NULL,
  `settings` json DEFAULT NULL,
  `avatar` blob DEFAULT NULL,
  `role` enum('customer','staff','admin') NOT NULL DEFAULT 'customer',
  `last_ip` varchar(45) DEFAULT NULL,
  `last_login_at` datetime(6) DEFAULT NULL,
  `order_count` int unsigned NOT NULL DEFAULT 0 COMMENT 'kept by a trigger of orders',
  `created_at` datetime NOT NULL,
  `updated_at` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  UNIQUE KEY `users_email` (`email`),
  KEY `users_team_id` (`team_id`),
  KEY `users_created_at` (`created_at`),
  CONSTRAINT `users_team` FOREIGN KEY (`team_id`) REFERENCES `teams` (`id`) ON DELETE SET NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE `sessions` (
  `id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `user_id` bigint unsigned DEFAULT NULL,
  `ip_address` varchar(45) DEFAULT NULL,
  `user_agent` varchar(255) DEFAULT NULL,
  `payload` longtext NOT NULL,
  `last_activity` int NOT NULL,
  PRIMARY KEY (`id`),
  KEY `sessions_user_id` (`user_id`),
  CONSTRAINT `sessions_user` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE `categories` (
  `id` smallint unsigned NOT NULL AUTO_INCREMENT,
  `parent_id` smallint unsigned DEFAULT NULL,
  `name` varchar(80) NOT NULL,
  `position` tinyint NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`),
  UNIQUE KEY `categories_place` (`parent_id`,`name`),
  CONSTRAINT `categories_parent` FOREIGN KEY (`parent_id`) REFERENCES `categories` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE `products` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `category_id` smallint unsigned NOT NULL,
  `erp_id` bigint unsigned NOT NULL COMMENT 'uses the whole range',
  `name` varchar(160) NOT NULL,
  `description` text DEFAULT NULL,
  `attributes` json DEFAULT NULL,
  `price` decimal(10,2) NOT NULL,
  `price_with_tax` decimal(12,2) GENERATED ALWAYS AS (round(`price` * 1.19,2)) STORED,
  `initial` varchar(1) GENERATED ALWAYS AS (left(`name`,1)) VIRTUAL,
  `rating` float DEFAULT NULL,
  `weight` double DEFAULT NULL,
  `tags` set('new','sale','eco','gift') NOT NULL DEFAULT '',
  `flags` bit(12) NOT NULL DEFAULT b'0',
  `released` year DEFAULT NULL,
  `supplier_code` varchar(40) INVISIBLE DEFAULT NULL,
  `created_at` datetime NOT NULL,
  `updated_at` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  UNIQUE KEY `products_erp_id` (`erp_id`),
  KEY `products_category_id` (`category_id`),
  FULLTEXT KEY `products_text` (`name`,`description`),
  CONSTRAINT `products_category` FOREIGN KEY (`category_id`) REFERENCES `categories` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE `product_variants` (
  `product_id` int unsigned NOT NULL,
  `sku` varchar(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `colour` varchar(40) NOT NULL,
  `stock` int NOT NULL DEFAULT 0,
  PRIMARY KEY (`product_id`,`sku`),
  CONSTRAINT `product_variants_product` FOREIGN KEY (`product_id`) REFERENCES `products` (`id`) ON DELETE CASCADE,
  CONSTRAINT `product_variants_stock` CHECK (`stock` >= -100)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE `orders` (
  `id` bigint unsigned NOT NULL AUTO_INCREMENT,
  `user_id` bigint unsigned NOT NULL,
  `token` binary(16) NOT NULL,
  `status` enum('new','paid','shipped','cancelled') NOT NULL DEFAULT 'new',
  `total` decimal(12,2) NOT NULL,
  `ship_to` varchar(255) NOT NULL,
  `note` text DEFAULT NULL,
  `handling` time DEFAULT NULL COMMENT 'against the promise, so it may be negative',
  `shipped_at` datetime NOT NULL DEFAULT '0000-00-00 00:00:00',
  `created_at` datetime NOT NULL,
  `updated_at` datetime NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `orders_token` (`token`),
  KEY `orders_user_id` (`user_id`),
  KEY `orders_created_at` (`created_at`),
  CONSTRAINT `orders_user` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE `order_items` (
  `order_id` bigint unsigned NOT NULL,
  `position` smallint unsigned NOT NULL,
  `product_id` int unsigned NOT NULL,
  `sku` varchar(20) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL COMMENT 'NULL: a variant that is gone',
  `quantity` smallint unsigned NOT NULL,
  `unit_price` decimal(10,2) NOT NULL,
  PRIMARY KEY (`order_id`,`position`),
  KEY `order_items_variant` (`product_id`,`sku`),
  CONSTRAINT `order_items_order` FOREIGN KEY (`order_id`) REFERENCES `orders` (`id`) ON DELETE CASCADE,
  CONSTRAINT `order_items_variant` FOREIGN KEY (`product_id`, `sku`) REFERENCES `product_variants` (`product_id`, `sku`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE `order notes` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `order` bigint unsigned NOT NULL,
  `group` varchar(40) NOT NULL,
  `text` mediumtext NOT NULL,
  PRIMARY KEY (`id`),
  KEY `order` (`order`),
  CONSTRAINT `order notes order` FOREIGN KEY (`order`) REFERENCES `orders` (`id`) ON DELETE CASCADE,
  CONSTRAINT `order notes group` FOREIGN KEY (`group`) REFERENCES `group` (`key`) ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE `group` (
  `key` varchar(40) NOT NULL,
  `value` text NOT NULL,
  PRIMARY KEY (`key`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE `activity_log` (
  `id` bigint unsigned NOT NULL AUTO_INCREMENT,
  `user_id` bigint unsigned DEFAULT NULL,
  `action` varchar(60) NOT NULL,
  `payload` text NOT NULL,
  `ip` varbinary(16) DEFAULT NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`),
  KEY `activity_log_user_id` (`user_id`),
  KEY `activity_log_created_at` (`created_at`),
  CONSTRAINT `activity_log_user` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE SET NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- No key at all, and rows that are equal to each other.
CREATE TABLE `page_views` (
  `viewed_on` date NOT NULL,
  `path` varchar(200) NOT NULL,
  `seconds` smallint unsigned DEFAULT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE VIEW `customers` AS
  SELECT `id`, `name`, `email`, `order_count` FROM `users` WHERE `role` = 'customer';

-- After the rows are in: it would count them again.
CREATE TRIGGER `orders_count` AFTER INSERT ON `orders` FOR EACH ROW
  UPDATE `users` SET `order_count` = `order_count` + 1 WHERE `id` = NEW.`user_id`;
